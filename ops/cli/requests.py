"""Requests from the texts of a command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pipeline.domain.hook_names import Hook, hook_named
from pipeline.domain.request import AlterRequest, MoveRequest
from pipeline.domain.window import Window
from pipeline.errors import RefusedError
from pipeline.mysql.table import TableName

Name = TypeVar("Name", bound=str)


def parse_move(
    tables: Iterable[str], hooks: Iterable[str] = (), cut_over_window: str | None = None,
    **others: Any,
) -> MoveRequest:  # fmt: skip
    """What the options of `move` and `doctor` ask for; `others` are as click made them.

    Raises:
        RefusedError: one of them is wrong.
    """
    return MoveRequest(
        tables=tuple(TableName.parse(text) for text in tables),
        hooks=parse_hooks(hooks),
        cut_over_window=parse_window(cut_over_window),
        **others,
    )


def parse_alter(
    table: str, renames: Iterable[str] = (), accepted: Iterable[str] = (),
    hooks: Iterable[str] = (), cut_over_window: str | None = None, **others: Any,
) -> AlterRequest:  # fmt: skip
    """What the options of `alter` ask for; `others` are as click made them.

    Raises:
        RefusedError: one of them is wrong.
    """
    return AlterRequest(
        table=TableName.parse(table),
        renames=parse_renames(renames),
        accepted=tuple(accepted),
        hooks=parse_hooks(hooks),
        cut_over_window=parse_window(cut_over_window),
        **others,
    )


def parse_hooks(texts: Iterable[str]) -> dict[Hook, str]:
    """`NAME=COMMAND` as a mapping.

    Raises:
        RefusedError: not of that form, an unknown name, or a name given twice.
    """
    pairs = (_divided(text, "NAME=COMMAND", "Name a hook and its command.") for text in texts)
    return _mapping((hook_named(name), command) for name, command in pairs)


def parse_renames(texts: Iterable[str]) -> dict[str, str]:
    """`OLD=NEW` as a mapping.

    Raises:
        RefusedError: not of that form, or a column given twice.
    """
    return _mapping(_divided(text, "OLD=NEW", "Name both columns.") for text in texts)


def parse_window(text: str | None) -> Window | None:
    """
    Raises:
        RefusedError: it is none.
    """
    return None if text is None else Window.parse(text)


def _divided(text: str, form: str, remedy: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not name or not value:
        raise RefusedError(f"'{text}' is not {form}.", remedy)
    return name, value


def _mapping(pairs: Iterable[tuple[Name, str]]) -> dict[Name, str]:
    found: dict[Name, str] = {}
    for name, value in pairs:
        if name in found:
            raise RefusedError(f"{name} is given twice.", "Give each one once.")
        found[name] = value
    return found
