"""What a person asks to be started: a move or an alter. Both are stored as they are.

A request that exists is valid: what a person types is parsed where it arrives, and the dataclasses
refuse what no type forbids. None of that depends on the machine, so a stored request can be read on
any other.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal

from pipeline.domain.hook_names import Hook
from pipeline.domain.names import retired_beside, retired_name_of, shadow_name
from pipeline.domain.way_back import Direction, WayBack
from pipeline.domain.window import Window
from pipeline.errors import DefectError, RefusedError
from pipeline.mysql.table import TableName


class MigrationKind(StrEnum):
    """What a migration does. The two kinds differ in how they write and in how they cut over."""

    MOVE = "move"  # tables go to another server
    ALTER = "alter"  # one table is rebuilt in place


@dataclass(frozen=True, kw_only=True)
class _Terms:
    """What can be asked of every migration."""

    with_triggers: bool = False
    json_as_text: bool = False  # documents may become what their text says
    hooks: Mapping[Hook, str] = field(default_factory=dict)
    chunk_rows: int | None = None  # at first; otherwise row_copy.chunk_rows
    cut_over_window: Window | None = None
    postpone_cut_over: bool = False
    way_back_s: float | None = None  # for how long it can be rolled back; not at all
    back: WayBack | None = None  # only if it is a way back itself

    def __post_init__(self) -> None:
        _refuse_less("chunk_rows", self.chunk_rows, 1)
        _refuse_less("way_back_s", self.way_back_s, 1)
        for name, command in self.hooks.items():
            _refuse_unreadable(name, command)

    @property
    def direction(self) -> Direction:
        return Direction.FORWARD if self.back is None else self.back.direction

    @property
    def _whose(self) -> str:
        return "" if self.back is None else f"way back of {self.back.of}: "


@dataclass(frozen=True, kw_only=True)
class MoveRequest(_Terms):
    """Tables go to another server. Its fields are what `Tranship.move` takes, each in its type.

    Raises:
        RefusedError: a number is too small, or a hook's command can't be read.
    """

    kind: Literal[MigrationKind.MOVE] = field(default=MigrationKind.MOVE, init=False)
    source: str
    target: str
    tables: tuple[TableName, ...]
    target_schema: str | None = None  # otherwise the source's
    defer_secondary_indexes: bool = False  # add them after the rows

    @property
    def summary(self) -> str:
        names = ", ".join(str(name) for name in self.tables)
        return f"{self._whose}move {names} from {self.source} to {self.target}"

    def target_name(self, table: TableName) -> TableName:
        """What the table to be filled is called."""
        if self.back is not None:
            return self.back.retired[self.tables.index(table)]
        return TableName(self.target_schema or table.schema, table.name)

    def live_name(self, table: TableName) -> TableName:
        """What that table is called once it has been cut over."""
        if self.back is not None:
            return self.back.names[self.tables.index(table)]
        return self.target_name(table)


@dataclass(frozen=True, kw_only=True)
class AlterRequest(_Terms):
    """One table is rebuilt in place; source and target are one server.

    Its fields are what `Tranship.alter` takes, each in its type.

    Raises:
        RefusedError: a number is too small, or a hook's command can't be read.
    """

    kind: Literal[MigrationKind.ALTER] = field(default=MigrationKind.ALTER, init=False)
    server: str
    table: TableName
    change: str  # what follows the table's name in ALTER TABLE
    renames: Mapping[str, str] = field(default_factory=dict)  # columns that the change renames
    accepted: tuple[str, ...] = ()  # columns whose values are not checked for loss
    lock_timeout_s: float | None = None  # otherwise cut_over.lock_wait_s
    force_after_s: float | None = None  # from then on what blocks the cut-over is killed

    def __post_init__(self) -> None:
        super().__post_init__()
        _refuse_less("lock_timeout_s", self.lock_timeout_s, 1)
        _refuse_less("force_after_s", self.force_after_s, 0)

    @property
    def source(self) -> str:
        return self.server

    @property
    def target(self) -> str:
        return self.server

    @property
    def tables(self) -> tuple[TableName, ...]:
        return (self.table,)

    @property
    def summary(self) -> str:
        return f"{self._whose}alter {self.table} on {self.server}: {self.change}"

    def target_name(self, table: TableName) -> TableName:
        """What the table to be filled is called: the shadow, or on a way back the old table."""
        return shadow_name(table) if self.back is None else self.back.retired[0]

    @property
    def retired_name(self) -> TableName:
        """What the table is called once the other one has its name."""
        return retired_beside(self.table, self.target_name(self.table))


Request = MoveRequest | AlterRequest


def alter_request(request: Request) -> AlterRequest:
    """The request, for code that only alters reach.

    Raises:
        DefectError: it is a move.
    """
    if not isinstance(request, AlterRequest):
        raise DefectError("a move is taken for an alter")
    return request


def move_request(request: Request) -> MoveRequest:
    """The request, for code that only moves reach.

    Raises:
        DefectError: it is an alter.
    """
    if not isinstance(request, MoveRequest):
        raise DefectError("an alter is taken for a move")
    return request


# Those that a way back runs as well; the others are about a start, or about copying.
_HOOKS_BACK = frozenset({Hook.BEFORE_CUT_OVER, Hook.ON_SUCCESS, Hook.ON_FAILURE, Hook.STATUS})


def way_back_of(request: Request, migration_id: str, until: datetime) -> Request:
    """What takes back the migration `migration_id`, and can itself be taken back."""
    back = WayBack(
        of=migration_id, direction=request.direction.opposite, names=request.tables, until=until,
        retired=_retired_names(request),
    )  # fmt: skip
    hooks = {name: one for name, one in request.hooks.items() if name in _HOOKS_BACK}
    if isinstance(request, AlterRequest):
        return replace(
            request, hooks=hooks, cut_over_window=None, postpone_cut_over=True, back=back
        )
    return MoveRequest(
        source=request.target, target=request.source,
        tables=tuple(request.live_name(name) for name in request.tables),
        with_triggers=request.with_triggers, json_as_text=request.json_as_text, hooks=hooks,
        chunk_rows=request.chunk_rows, postpone_cut_over=True, way_back_s=request.way_back_s,
        back=back,
    )  # fmt: skip


def _retired_names(request: Request) -> tuple[TableName, ...]:
    if isinstance(request, AlterRequest):
        return (request.retired_name,)
    return tuple(retired_name_of(name) for name in request.tables)


def _refuse_less(name: str, value: float | None, least: float) -> None:
    if value is not None and not value >= least:  # NaN is not
        raise RefusedError(f"`{name}={value!r}` is too small.", f"Give {least} or more.")


def _refuse_unreadable(name: Hook, command: str) -> None:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise RefusedError(
            f"The command of hook {name} can't be read: {error}: {command}", "Close the quotation."
        ) from None
    if not words:
        raise RefusedError(f"Hook {name} has no command.", "Name a program.")
