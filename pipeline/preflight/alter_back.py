"""Checks whether a change has a way back: whether the old table can hold what is written later.

What depends on the values is found when they are written: such a value stops the way back, and
nothing else. Here is refused what would stop it at the first new row, or bring back wrong values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from pipeline.alter.ddl import read_ddl
from pipeline.alter.inverse import dropped_columns, inverse_plan
from pipeline.alter.plan import map_columns, scratch_table
from pipeline.domain.alter_plan import AlterPlan
from pipeline.domain.request import AlterRequest
from pipeline.errors import RefusedError
from pipeline.mysql.introspect import (
    constant_defaults,
    read_columns,
    read_table,
    unfilled_columns,
    unique_keys,
)
from pipeline.mysql.table import Column, TableName
from pipeline.preflight.findings import CheckContext, Finding, info, refused

_WITHOUT = "or leave `way_back_s=` out"


def possible(context: CheckContext) -> Iterator[Finding]:
    """The old table can go on with what the application writes to the new one."""
    request = context.alter
    if request.way_back_s is None or request.back is not None:
        return
    with context.source() as server:
        try:
            read_table(server, request.table)
            read_ddl(request.change)
        except RefusedError:
            return  # "tables" and "change" say so
        with scratch_table(server, request.table, request.change) as scratch:
            yield from _judged(server, request, scratch)


def _judged(server: Connection, request: AlterRequest, scratch: TableName) -> Iterator[Finding]:
    name, plan = request.table, map_columns(server, scratch, request)
    dropped = dropped_columns(server, plan, name)
    columns = read_columns(server, scratch)
    computed = {column.name.lower() for column in columns if column.generated}
    found = [
        *_accepted(request),
        *_without_default(server, name, dropped),
        *_computed(request, dropped, computed),
        *_unique(server, name, dropped),
    ]
    yield from found
    if not found:
        yield info(f"{name}: {_shown(inverse_plan(server, plan, scratch, name))}.")


def _accepted(request: AlterRequest) -> Iterator[Finding]:
    if request.accepted:
        yield refused(
            f"What the change does to {', '.join(request.accepted)} is accepted as it may be, and"
            " can't be taken back.",
            f"Leave `accepted=` out, {_WITHOUT}.",
        )


def _without_default(
    server: Connection, name: TableName, dropped: Iterable[Column]
) -> Iterator[Finding]:
    unfilled = {column.name for column in unfilled_columns(server, name)}
    for column in dropped:
        if column.name in unfilled:
            yield refused(
                f"The change drops column {column.name}, which is NOT NULL and has no DEFAULT:"
                " the old table could not hold new rows.",
                "Give it one first (ALTER TABLE … ALTER COLUMN … SET DEFAULT …), or make it NULL;"
                f" {_WITHOUT}.",
            )


def _computed(
    request: AlterRequest, dropped: Iterable[Column], computed: set[str]
) -> Iterator[Finding]:
    for column in dropped:
        if request.renames.get(column.name, column.name).lower() in computed:
            yield refused(
                f"Column {column.name} becomes a generated one: in the old table it would keep what"
                " it holds, whatever is written.",
                f"Add the generated column under another name, {_WITHOUT}.",
            )


def _unique(server: Connection, name: TableName, dropped: Iterable[Column]) -> Iterator[Finding]:
    """Unique keys of which every new row would have the same value."""
    filled = constant_defaults(server, name) & {column.name for column in dropped}
    for key in unique_keys(server, name):
        if key.parts and {part.column for part in key.parts} <= filled:
            yield refused(
                f"The unique key {key.name} is on columns that the change drops: all new rows would"
                " have the default there, in the old table.",
                f"Drop the key first, {_WITHOUT}.",
            )


def _shown(back: AlterPlan) -> str:
    parts = ["it can be rolled back"]
    pairs = zip(back.kept.columns, back.shadow.columns, strict=True)
    if back.retyped or any(new.nullable and not old.nullable for new, old in pairs):
        parts.append("a value that the old definition can't hold stops the way back")
    if back.new_unique:
        keys = ", ".join(back.new_unique)
        parts.append(f"so do two rows with the same value of the old unique key {keys}")
    if back.carried:
        names = ", ".join(column.name for column in back.carried)
        parts.append(f"rows keep {names} in the old table, and new ones get the default")
    return "; ".join(parts)
