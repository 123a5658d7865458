"""Every error that a person may read, with its remedy: found in the code as it is raised.

Texts are templates: `{…}` is filled in when it happens.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ops.dev.reference.markdown import head, table

_ROOT = Path(__file__).resolve().parents[3]
_PLACES = ("pipeline", "tasks", "ops/cli", "ops/api.py", "ops/starting.py", "tranship")
# Who calls it, and the heading it comes under.
_KINDS = {
    "RefusedError": "Refused",
    "refused": "Refused",
    "FatalError": "Stops a migration",
    "RetryableError": "Tried again",
    "AmbiguousError": "A person has to look",
    "warning": "Warnings",
}
_ABOUT = {
    "Refused": "Exit code 2. Nothing was written. Found by preflight, or a mistake in what was"
    " asked for.",
    "Stops a migration": "Exit code 1. The source has its tables; `tranship status` says it again."
    " When the cause is gone: `tranship resume ID`; or `tranship abort ID`.",
    "Tried again": "Exit code 3 on the command line. Workers try again by themselves; it is in"
    " their logs.",
    "A person has to look": "Exit code 4. Nothing is done until somebody has looked.",
    "Warnings": "Of `tranship doctor` and `--dry-run`. Nothing is held back.",
}


@dataclass(frozen=True, order=True)
class Message:
    """One place in the code that says something."""

    kind: str
    place: str
    text: str
    remedy: str


def page() -> str:
    """docs/reference/messages.md."""
    found = sorted(set(messages()))
    parts = [head("Messages", "the places that raise them", _INTRODUCTION)]
    for kind, about in _ABOUT.items():
        rows = [(one.text, one.remedy, f"`{one.place}`") for one in found if one.kind == kind]
        parts.append(f"## {kind}\n\n{about}\n\n{table(('message', 'what to do', 'from'), rows)}")
    return "\n".join(parts)


def messages() -> Iterator[Message]:
    """Every message in the code."""
    for place in _PLACES:
        path = _ROOT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield from _in_file(file)


def _in_file(file: Path) -> Iterator[Message]:
    for node in ast.walk(ast.parse(file.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        kind = _KINDS.get(node.func.id)
        if kind is None or not node.args:
            continue
        texts = [_template(argument) for argument in node.args[:2]]
        if re.search("[a-z]{3}", re.sub(r"\{.*?\}", "", texts[0])):
            remedy = texts[1] if len(texts) > 1 else ""
            yield Message(kind, str(file.relative_to(_ROOT)), texts[0], remedy)


def _template(node: ast.expr) -> str:
    """A string as it is written, with names for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_template(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return "{" + ast.unparse(node.value).replace("'", "") + "}"
    return "{" + ast.unparse(node).replace("'", "") + "}"


_INTRODUCTION = """
Every message names what, why and what to do. `{…}` is filled in. If you look for one: search this
page for a few of its words. What to do when things go wrong, by situation:
[when it goes wrong](../how-to/when-it-goes-wrong.md).
"""
