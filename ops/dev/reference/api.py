"""The Python API, from its signatures and docstrings."""

from __future__ import annotations

import inspect
import re

import ops.api
from ops.dev.reference.markdown import code, head
from pipeline.domain.request import AlterRequest, MoveRequest

_DROPPED = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Z])")


def page() -> str:
    """docs/reference/python.md."""
    parts = [
        head("Python", "ops/api.py"),
        code(inspect.getdoc(ops.api) or ""),
        "## Requests\n",
        *(_shown(one.__name__, one) for one in (MoveRequest, AlterRequest)),
        "## Tranship\n",
    ]
    for name, one in vars(ops.api.Tranship).items():
        if inspect.isfunction(one) and (not name.startswith("_") or name == "__init__"):
            parts.append(_shown(name.replace("__init__", "Tranship"), one))
    return "\n".join(parts)


def _shown(name: str, function: object) -> str:
    signature = _DROPPED.sub("", str(inspect.signature(function)))  # type: ignore[arg-type]
    signature = signature.replace("(self, ", "(").replace("(self)", "()").replace("'", "")
    signature = re.sub(r"<function (\w+) at [^>]*>", r"\1", signature)
    signature = signature.replace("<factory>", "{}").removesuffix(" -> None")
    text = inspect.getdoc(function) or ""
    return f"### {name}\n\n{code(name + signature)}\n{text}\n"
