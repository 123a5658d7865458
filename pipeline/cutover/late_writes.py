"""After the switch: what was written to the old tables later than the last change that was applied.

Nothing can be, as far as the servers keep their promises; this is how it is known that they did.
The source's log is searched from the position on, which contains the drain set.

A move renames its tables before the drain. A write by the tables' names either comes before the
rename, and is in the drain set, or finds no table. What is left are writes by the retired names,
and to a table that somebody has created anew under the old name. Neither is for us to carry over.

An alter's table keeps its name until the swap. A write that has waited behind the lock could go
before the waiting rename, if the server lets it (max_write_lock_count). The search ends at the
rename. Such rows are carried over (carry_over.py), if all that was written can be read. Either way
the position holds them from then on, in the same transaction. Otherwise a coordinator that goes on
after a crash would carry them over again, without what the rows have kept since (alter/carried.py).
"""

from __future__ import annotations

import logging
from dataclasses import replace

from pipeline.control.streams import read_stream, settle_late_writes
from pipeline.cutover.carry_over import Late, carry_over
from pipeline.cutover.log_searches import (
    changes_of,
    is_swap,
    read_all,
    search_of,
    tell_unfinished,
    told,
)
from pipeline.cutover.search_notes import noted
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import MigrationTable
from pipeline.domain.request import MigrationKind
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.table import Table, TableName
from pipeline.step.context import Context
from pipeline.stream.log_search import LoggedTransaction, LogSearch

log = logging.getLogger(__name__)
_LIMIT_S = 20.0


def tell_late_writes(context: Context) -> None:
    """Search the source's log; name what is found.

    Raises:
        TranshipError: it can't be searched.
    """
    with context.reading() as control:
        position = read_stream(control, context.migration.id).position
    with context.source() as source:
        executed = executed_gtids(source)
    search = search_of(context, context.migration.source, _wanted(context), position)
    if context.migration.kind is MigrationKind.ALTER:
        _of_alter(context, search, executed, position)
    else:
        server = context.migration.source
        _of_move(context, read_all(context, server, search, executed, _LIMIT_S))
        if not search.has_seen(executed):
            tell_unfinished(context, context.migration.source)
    log.info("the source's log was searched for late writes: %s", search.has_seen(executed))


def _wanted(context: Context) -> dict[TableName, Table]:
    names = {name: table for table in context.tables for name in _names(table)}
    return {name: replace(table.definition, name=name) for name, table in names.items()}


def _names(table: MigrationTable) -> tuple[TableName, ...]:
    return (table.source,) if table.placement.swapped else (table.source, table.retired_name)


def _of_move(context: Context, found: list[LoggedTransaction]) -> None:
    if not found:
        return
    with context.source() as source:
        what = (
            f"written on {context.migration.source} after the last change that was applied:"
            f" {told(source, found)}. These rows are not on {context.target}; decide whether they"
            " have to be, and stop whoever writes there."
        )
    context.note(EventKind.ALARM, what)


def _of_alter(context: Context, search: LogSearch, executed: GtidSet, position: GtidSet) -> None:
    (table,) = context.tables
    found, server = [], context.migration.source
    with noted(context, server, search, executed) as keep:
        for transaction in search.until(executed, _LIMIT_S, keep):
            if is_swap(transaction, context.migration.id):
                break
            found.append(transaction)
        else:
            tell_unfinished(context, server)
    for transaction in found:
        position.add(transaction.gtid)
    changes = changes_of(found, table.source)
    if any(one.unread or one.statements for one in found):
        _leave(context, table, found, position)
    elif changes:
        carry_over(context, Late.of(table, changes, position, search.seen))


def _leave(
    context: Context, table: MigrationTable, found: list[LoggedTransaction], position: GtidSet
) -> None:
    """Carry over nothing: what can't be read may come after what can."""
    with context.source() as source:
        what = (
            f"{table.source} was written between the proof and the swap: {told(source, found)}."
            f" Nothing was carried over; compare it with {table.retired_name}."
        )
    with context.control() as control:
        settle_late_writes(control, context.migration.id, position)
        context.note_in(control, EventKind.ALARM, what)
