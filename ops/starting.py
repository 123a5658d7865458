"""What a person asks to be started, checked and put into the pipeline's terms.

For the command line, the schedules and the Python API alike.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.configuration.load import server_settings
from pipeline.configuration.settings import Settings
from pipeline.domain.hook_names import Hook, hook_named
from pipeline.domain.migration import Options
from pipeline.domain.request import Alteration, Request
from pipeline.domain.window import Window
from pipeline.errors import RefusedError
from pipeline.mysql.table import TableName


@dataclass(frozen=True)
class Asked:
    """What is to be started."""

    request: Request
    options: Options
    postponed: bool


def asked_of_move(
    settings: Settings, source: str, target: str, tables: Iterable[str],
    target_schema: str | None = None, *, with_triggers: bool = False, json_as_text: bool = False,
    postpone_cut_over: bool = False, window: str | None = None, hooks: Iterable[str] = (),
    chunk_rows: int | None = None,
) -> Asked:  # fmt: skip
    """What the options of `move` ask for.

    Raises:
        RefusedError: one of them is wrong.
    """
    request = request_of_move(
        settings, source, target, tables, target_schema,
        with_triggers=with_triggers, json_as_text=json_as_text,
    )  # fmt: skip
    options = Options(
        chosen_hooks(hooks), chunk_rows, with_triggers, json_as_text,
        cut_over_window=chosen_window(window),
    )  # fmt: skip
    return Asked(request, options, postpone_cut_over)


def request_of_move(
    settings: Settings, source: str, target: str, tables: Iterable[str],
    target_schema: str | None = None, *, with_triggers: bool = False, json_as_text: bool = False,
) -> Request:  # fmt: skip
    """What `move` and `doctor` look at.

    Raises:
        RefusedError: no such server, or a table's name is none.
    """
    for server in (source, target):
        server_settings(settings, server)
    names = tuple(table_name(text) for text in tables)
    return Request(
        source, target, names, target_schema, with_triggers=with_triggers, json_as_text=json_as_text
    )


def asked_of_alter(
    settings: Settings, server: str, table: str, change: str, *,
    renames: Iterable[str] = (), accepted: Iterable[str] = (), with_triggers: bool = False,
    json_as_text: bool = False, lock_timeout: float | None = None,
    force_after: float | None = None, postpone_cut_over: bool = False, window: str | None = None,
    hooks: Iterable[str] = (), chunk_rows: int | None = None,
) -> Asked:  # fmt: skip
    """What the options of `alter` ask for.

    Raises:
        RefusedError: one of them is wrong.
    """
    server_settings(settings, server)
    pairs = tuple(_rename(text) for text in renames)
    request = Request(
        server, server, (table_name(table),), with_triggers=with_triggers,
        json_as_text=json_as_text, alteration=Alteration(change, pairs, tuple(accepted)),
        force=force_after is not None,
    )  # fmt: skip
    options = Options(
        chosen_hooks(hooks), chunk_rows, with_triggers, json_as_text, lock_timeout, force_after,
        chosen_window(window),
    )  # fmt: skip
    return Asked(request, options, postpone_cut_over)


def chosen_hooks(given: Iterable[str]) -> dict[str, str]:
    """`name=command` as a mapping.

    Raises:
        RefusedError: not of that form, an unknown name, or a name given twice.
    """
    hooks: dict[str, str] = {}
    for text in given:
        before, _, command = text.partition("=")
        name = hook_named(before)
        if name is None or not _words(command):
            raise RefusedError(
                f"--hook '{text}' is not NAME=COMMAND.", f"NAME is one of {', '.join(Hook)}."
            )
        if name in hooks:
            raise RefusedError(f"--hook {name} is given twice.", "Give each hook once.")
        hooks[name] = command
    return hooks


def _words(command: str) -> list[str]:
    """
    Raises:
        RefusedError: a quotation is not closed.
    """
    try:
        return shlex.split(command)
    except ValueError as error:
        raise RefusedError(
            f"The hook's command {command} can't be read: {error}.", "Close the quotation."
        ) from None


def chosen_window(text: str | None) -> str | None:
    """`--cut-over-window`, checked.

    Raises:
        RefusedError: it is none.
    """
    if text is not None:
        Window.parse(text)
    return text


def table_name(text: str) -> TableName:
    """`schema.table`; only the first dot divides, a table's name may hold others.

    Raises:
        RefusedError: there is no schema, or no table.
    """
    schema, _, name = text.partition(".")
    if not schema or not name:
        raise RefusedError(f"--table '{text}' is not SCHEMA.TABLE.", "Name the schema too.")
    return TableName(schema, name)


def _rename(text: str) -> tuple[str, str]:
    old, _, new = text.partition("=")
    if not old or not new:
        raise RefusedError(f"--rename '{text}' is not OLD=NEW.", "Name both columns.")
    return old, new
