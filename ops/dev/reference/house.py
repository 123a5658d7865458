"""The picture of the house at the head of docs/architecture.md, from import-linter's contracts.

Each package is shown with the first line of its docstring, in the order of the `layers` contracts
in pyproject.toml: what is not there in the picture is not allowed in the code either.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ops.dev.reference.markdown import code

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- house: written by `make docs` from pyproject.toml and the packages' docstrings -->\n"
END = "<!-- /house -->\n"
_INNER = "pipeline"


def redrawn(page: str) -> str:
    """`page` with the picture as the contracts have it now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + picture() + END + after


def picture() -> str:
    """The rows, the highest first; siblings, which do not see each other, share a bar."""
    contracts = _layer_contracts()
    lines: list[str] = []
    for row in contracts[""]:
        lines += _shown(row, ROOT, "")
        if row == [_INNER]:
            for inner in contracts[_INNER]:
                lines += _shown(inner, ROOT / _INNER, "    ")
    return code("\n".join(lines))


def _layer_contracts() -> dict[str, list[list[str]]]:
    """Container ("" for the top level) to its rows."""
    settings: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    return {
        contract.get("containers", [""])[0]: [_siblings(row) for row in contract["layers"]]
        for contract in settings["importlinter"]["contracts"]
        if contract["type"] == "layers"
    }


def _siblings(row: str) -> list[str]:
    return [name.strip() for name in row.split("|")]


def _shown(names: list[str], folder: Path, indent: str) -> Iterator[str]:
    for name in names:
        bar = "|" if len(names) > 1 else " "
        yield f"{indent}{name:14}{bar} {_subject(folder / name)}".rstrip()


def _subject(path: Path) -> str:
    """The first line of the docstring of a package or a module."""
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text())) or ""
    return text.partition("\n")[0]
