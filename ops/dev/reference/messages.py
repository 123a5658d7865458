"""Every error that a person may read, with its remedy, found in the code where it is raised.

Texts are templates: `{…}` is filled in when it happens.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.dev.reference.markdown import head, table

_ROOT = Path(__file__).resolve().parents[3]
_PLACES = ("pipeline", "tasks", "ops/cli", "ops/api.py", "tranship")
# The function or class that is called, and the heading under which the message comes.
_KINDS = {
    "RefusedError": "Refused",
    "refused": "Refused",
    "FatalError": "Stops a migration",
    "DoesNotFitError": "Stops a migration",
    "StartOverError": "Ends a migration",
    "NewDuplicateError": "Tried again",
    "RetryableError": "Tried again",
    "AmbiguousError": "Manual intervention needed",
    "warning": "Warnings",
}
_ABOUT = {
    "Refused": "Exit code 2. Nothing was written. Preflight found a problem, or there is a mistake"
    " in the request or the configuration.",
    "Stops a migration": "Exit code 1. The source has its tables; `tranship status` repeats the"
    " message. When the cause is gone: `tranship resume ID`; or `tranship abort ID`.",
    "Ends a migration": "Exit code 1. The source has its tables. What was copied can't be made"
    " right any more, so `resume` is refused: `tranship abort ID`, `tranship clean-up ID`, and"
    " start again.",
    "Tried again": "Exit code 3 on the command line. Workers try again by themselves and log it.",
    "Manual intervention needed": "Exit code 4. Tranship does nothing more until somebody has put"
    " things right.",
    "Warnings": "From `tranship doctor` and `--dry-run`. They hold nothing back.",
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
    tree = ast.parse(file.read_text())
    constants = _constants(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        kind = _KINDS.get(node.func.id)
        if kind is None or not node.args:
            continue
        texts = [_template(argument, constants) for argument in node.args[:2]]
        if re.search("[a-z]{3}", re.sub(r"\{.*?\}", "", texts[0])):
            remedy = texts[1] if len(texts) > 1 else ""
            yield Message(kind, str(file.relative_to(_ROOT)), texts[0], remedy)


def _constants(tree: ast.Module) -> dict[str, str]:
    """The module's constants that are texts."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }


def _template(node: ast.expr, constants: Mapping[str, str]) -> str:
    """A string as it is written, with names for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Name) and node.id in constants:
        return constants[node.id]
    if isinstance(node, ast.BinOp):
        return _template(node.left, constants) + _template(node.right, constants)
    if isinstance(node, ast.JoinedStr):
        return "".join(_template(part, constants) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return "{" + ast.unparse(node.value).replace("'", "") + "}"
    return "{" + ast.unparse(node).replace("'", "") + "}"


_INTRODUCTION = """
Every message says what, why and what to do. `{…}` is filled in. To find one, search this page for
a few of its words. An option is spelled as in Python, `with_triggers=True`; the command line says
`--with-triggers` instead. What to do when things go wrong, by situation:
[when it goes wrong](../how-to/when-it-goes-wrong.md).
"""
