"""Carries rows over that were written to an alter's old table between the proof and the swap.

They are written to the new table, in their order, if the application has not written to the same
key since. Whether it has is read from the log, between the swap and a moment at which we hold the
locks of those keys: so nothing comes in between. A key that can't be decided is named for a person.

So are all keys if a write of ours would fire triggers, which the first write has fired already; and
if a way back follows that has dropped columns to keep: it would take the rows for new ones, which
replace those of the old table without what these hold there.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.alter.carried import note_kept
from pipeline.alter.inverse import dropped_columns
from pipeline.alter.rows import insert_rows
from pipeline.alter.temporary import plan_of
from pipeline.control.leases import fence
from pipeline.control.streams import read_stream, settle_late_writes
from pipeline.cutover.log_searches import as_it_is, changes_of, keys_of, read_all, search_of, shown
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import MigrationTable
from pipeline.errors import TranshipError
from pipeline.mysql.catalogue import table_identity, trigger_names
from pipeline.mysql.codecs import bound_maker
from pipeline.mysql.failures import driver_errors
from pipeline.mysql.flavours import begun_gtids
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.keyrange import Bound, is_one_of
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.table import Table, ValueKind
from pipeline.step.context import Context
from pipeline.stream.batch import TableBatch
from pipeline.stream.events import KeyText, Line, RowsChange
from pipeline.stream.lineage import Lineage

_LIMIT_S = 10.0
_EXACT = frozenset(ValueKind) - {ValueKind.TEXT, ValueKind.FLOAT, ValueKind.DOUBLE}
Rows = dict[KeyText, Line | None]  # None: deleted


@dataclass(frozen=True)
class Late:
    """What was written between the proof and the swap."""

    table: MigrationTable
    rows: Rows
    lineage: Lineage | None
    position: GtidSet  # that of the stream, and these transactions
    swapped: GtidSet  # the log up to the swap

    @classmethod
    def of(
        cls, table: MigrationTable, changes: list[RowsChange], position: GtidSet, swapped: GtidSet
    ) -> Late:
        batch = TableBatch(table, tombstones=False)
        for change in changes:
            batch.add(change)
        return cls(table, batch.rows, batch.lineage, position, swapped)

    @property
    def moved(self) -> list[tuple[KeyText, KeyText]]:
        """The old and the new key of rows that take along what only the new table holds."""
        return [] if self.lineage is None else self.lineage.changed


def carry_over(context: Context, late: Late) -> None:
    """Carry over what can be, and tell of all of it; once only."""
    try:
        _carry(context, late)
    except TranshipError as error:
        what = f"{_said(late, [])} They were not carried over: {error.explanation}"
        with context.control() as control:
            if not _is_settled(control, context, late):
                _settle(control, context, late, what)


def _carry(context: Context, late: Late) -> None:
    server = context.migration.source
    with driver_errors(server), context.pools.engine(server).connect() as connection:
        # With the gaps between them: a key that is not there is locked, too.
        run(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with connection.begin():
            _lock(connection, late)
            decided = _decided(context, connection, late)
            _write(connection, late, decided)
            _settle(connection, context, late, _said(late, decided))
            fence(connection, context.lease)


def _is_settled(control: Connection, context: Context, late: Late) -> bool:
    """Whether it has committed all the same: then only the server's answer was lost.

    The lock waits for a transaction that is still at it.
    """
    return read_stream(control, context.migration.id, lock=True).position.contains(late.position)


def _settle(control: Connection, context: Context, late: Late, what: str) -> None:
    settle_late_writes(control, context.migration.id, late.position)
    context.note_in(control, EventKind.ALARM, what)


def _said(late: Late, carried: list[KeyText]) -> str:
    left = [key for key in late.rows if key not in carried]
    parts = [f"carried over: {shown(carried)}" if carried else ""]
    parts += [f"for a person to compare with {late.table.retired_name}: {shown(left)}"] * bool(left)
    return (
        f"{late.table.source} was written between the proof and the swap, at the keys"
        f" {shown(late.rows)}; {'; '.join(filter(None, parts))}."
    )


def _lock(connection: Connection, late: Late) -> None:
    run(
        connection,
        f"SELECT 1 FROM {quote_name(late.table.source)}"
        f" WHERE {is_one_of(late.table.target_table, _bounds(late.table, late.rows))} FOR UPDATE",
    )


def _decided(context: Context, connection: Connection, late: Late) -> list[KeyText]:
    """The keys that the application has certainly not written since the swap."""
    table = late.table
    is_ours = table_identity(connection, table.source) == table.target_identity
    if not is_ours or trigger_names(connection, table.source):
        return []
    if context.migration.request.way_back_s is not None and _drops_columns(connection, table):
        return []
    new = as_it_is(connection, table.source, table.target_table.key)
    search = search_of(context, context.migration.source, {table.source: new}, late.swapped)
    begun = begun_gtids(connection)
    found = read_all(context, context.migration.source, search, begun, _LIMIT_S)
    written = set(keys_of(changes_of(found, table.source)))
    unknown = any(one.unread or one.statements for one in found)
    if unknown or not search.has_seen(begun):
        return []
    if written and not _is_exact(table, new):
        return []
    moved = {key for pair in late.moved for key in pair}
    if written & moved:
        written |= moved  # such a row goes from its old key to the new one, or is left where it is
    return [key for key in late.rows if key not in written]


def _drops_columns(connection: Connection, table: MigrationTable) -> bool:
    return bool(dropped_columns(connection, plan_of(table), table.retired_name))


def _is_exact(table: MigrationTable, new: Table) -> bool:
    """Whether two texts of one key are equal, before and after the alter."""
    kinds = {column.kind for column in (*table.definition.key_columns, *new.key_columns)}
    return kinds <= _EXACT and not plan_of(table).retyped


def _write(connection: Connection, late: Late, keys: list[KeyText]) -> None:
    if not keys:
        return
    table = late.table
    condition = is_one_of(table.target_table, _bounds(table, keys))
    if late.lineage is not None:
        _note(connection, late, late.lineage, keys)
    run(connection, f"DELETE FROM {quote_name(table.source)} WHERE {condition}")
    lines = [line for key in keys if (line := late.rows[key]) is not None]
    insert_rows(connection, table.swapped_in, b"".join(b"%b\n" % line for line in lines))


def _note(connection: Connection, late: Late, lineage: Lineage, keys: list[KeyText]) -> None:
    """Note what goes with the rows: a new one has nothing, and a moved one what it had."""
    table = late.table
    moved = [(old, new) for old, new in late.moved if new in keys]
    of_others = {*lineage.newborn, *(new for _, new in moved)}
    stayed = _bounds(table, [key for key in keys if key not in of_others])
    bound = bound_maker(table.definition)
    there = is_one_of(table.target_table, stayed) if stayed else "FALSE"
    note_kept(connection, table.swapped_in, there, [(bound(old), bound(new)) for old, new in moved])


def _bounds(table: MigrationTable, keys: Rows | list[KeyText]) -> list[Bound]:
    return list(map(bound_maker(table.definition), keys))
