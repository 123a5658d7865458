"""Markdown as all pages write it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_NOTE = "<!-- Written by `make docs` from {source}; a test fails when it is not what that says. -->"


def head(title: str, source: str, text: str = "") -> str:
    """The top of a page."""
    body = f"\n{text.strip()}\n" if text.strip() else ""
    return f"# {title}\n\n{_NOTE.format(source=source)}\n{body}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; empty without rows."""
    lines = [_row(columns), _row(["---"] * len(columns))]
    lines += [_row([cell.replace("|", "\\|").replace("\n", " ") for cell in row]) for row in rows]
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    """A fenced block."""
    return f"```\n{text.rstrip()}\n```\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
