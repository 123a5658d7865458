"""Makes requests of the texts on a command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.domain.hook_names import Hook, commands_by_hook
from pipeline.domain.request import AlterRequest, MoveRequest
from pipeline.domain.window import Window
from pipeline.errors import RefusedError
from pipeline.mysql.table import TableName


def parse_move(
    tables: Iterable[str], hooks: Iterable[str] = (), cut_over_window: str | None = None,
    **others: Any,
) -> MoveRequest:  # fmt: skip
    """The request of `move` and `doctor`; `others` are options that click has parsed.

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
    """The request of `alter`; `others` are options that click has parsed.

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
    remedy = "Name the hook and its command."
    return commands_by_hook(_divided(text, "NAME=COMMAND", remedy) for text in texts)


def parse_renames(texts: Iterable[str]) -> dict[str, str]:
    """`OLD=NEW` as a mapping.

    Raises:
        RefusedError: not of that form, or a column given twice.
    """
    renames: dict[str, str] = {}
    for text in texts:
        old, new = _divided(text, "OLD=NEW", "Name both columns.")
        if old in renames:
            raise RefusedError(f"Column {old} is renamed twice.", "Name each column once.")
        renames[old] = new
    return renames


def parse_window(text: str | None) -> Window | None:
    """
    Raises:
        RefusedError: it is not a window.
    """
    return None if text is None else Window.parse(text)


def _divided(text: str, form: str, remedy: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not name or not value:
        raise RefusedError(f"'{text}' is not {form}.", remedy)
    return name, value
