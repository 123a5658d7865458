"""Finds what others write to the target's tables before the switch, in the target's own binary log.

As long as a chunk has to be verified, its verification finds such a row. In one that has been
verified, nobody would look at it again, unless the source changes it, too. So from the first
verification on the target's log is searched for changes of the target's tables that are not ours:
now and then while the cut-over is waited for, before each attempt, and for the rest after the
switch. Before it, the chunks of such rows are verified in full again, which repairs them, or stops
a way back that must not repair (checksum/repair.py). After it the application may have read them,
so a person has to look. Each time rows and connections are named.

A target without a log that can be searched is not watched; preflight says so.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from pipeline.control.chunk_checks import require_again, require_all_again
from pipeline.control.chunk_map import chunks_of
from pipeline.control.migrations import note_log_search
from pipeline.control.streams import read_stream
from pipeline.control.watches import Watch, end_watch, find_watch, note_searched
from pipeline.cutover.log_searches import (
    as_it_is,
    changes_of,
    is_swap,
    keys_of,
    read_all,
    search_of,
    tell_unfinished,
    told,
)
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import MigrationTable
from pipeline.domain.request import MigrationKind
from pipeline.errors import FatalError
from pipeline.mysql.catalogue import foreign_keys
from pipeline.mysql.codecs import bound_maker
from pipeline.mysql.flavours import cascades_are_logged, executed_gtids
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.table import Table, TableName
from pipeline.step.context import Context
from pipeline.stream.log_search import LoggedTransaction

log = logging.getLogger(__name__)
_EVERY_S = 600.0
_AT_ONCE_S = 2.0  # then the coordinator has other work to do, and goes on at its next step
_REST_S = 20.0
_KEYS_AT_MOST = 5000  # beyond that the whole table is verified again


def watch_now_and_then(context: Context) -> None:
    """Search if the last time is long ago, or has ended early: logs are kept for some days only."""
    watch = _watch(context)
    if watch is None:
        return
    if watch.age_s > _EVERY_S or context.migration.log_search is not None:
        _search(context, watch)


def nobody_else_writes(context: Context) -> bool:
    """Whether nothing was found in the target's log up to now.

    It is also true of a log that can't be searched; whoever waited for its search is told.
    """
    watch = _watch(context)
    return watch is None or _search(context, watch)


def _watch(context: Context) -> Watch | None:
    with context.reading() as control:
        return find_watch(control, context.migration.id)


def _search(context: Context, watch: Watch) -> bool:
    with context.pools.begin(context.target) as target:
        executed = executed_gtids(target)
        wanted = _wanted(context, target)
    search = search_of(context, context.target, wanted, watch.seen)
    try:
        logged = read_all(context, context.target, search, executed, _AT_ONCE_S, goes_on=True)
    except FatalError as error:
        _give_up(context, error)
        return True
    found = [one for one in logged if not _is_of_its_alter(context, one)]
    with context.control() as control:
        note_searched(control, context.migration.id, search.seen)
        if found:
            _send_back(control, context, found, wanted)
    if not search.has_seen(executed):
        log.info("the binary log of %s is not searched to its end yet", context.target)
        return False
    return not found


def _is_of_its_alter(context: Context, transaction: LoggedTransaction) -> bool:
    """Whether it is the swap that this is the way back of: the sentry's end, and the rename.

    If the table itself is dropped instead, another one has its name: `require_old_tables`.
    """
    back = context.migration.request.back
    if back is None or context.migration.kind is not MigrationKind.ALTER:
        return False
    drops = all(sql.startswith("DROP TABLE") for _, sql in transaction.statements)
    only = not (transaction.rows or transaction.unread)
    return only and (drops or is_swap(transaction, back.of))


def _wanted(
    context: Context, target: Connection, *, switched: bool = False
) -> dict[TableName, Table]:
    """The tables that are filled, by the names under which our target's log has them until then."""
    found = {}
    for table in context.tables:
        now = table.live_name if switched else table.target
        there = as_it_is(target, now, table.target_table.key)
        found[table.target] = replace(there, name=table.target)
    return found


def _give_up(context: Context, error: FatalError) -> None:
    with context.control() as control:
        end_watch(control, context.migration.id)
        note_log_search(control, context.migration.id, None)
        what = f"what others write to {context.target} can't be seen any more: {error.explanation}"
        context.note_in(control, EventKind.ALARM, what)


def _send_back(
    control: Connection,
    context: Context,
    found: list[LoggedTransaction],
    wanted: dict[TableName, Table],
) -> None:
    """Have the rows verified in full again, in the transaction that tells of them."""
    unseen = [table for table in context.tables if _changed_unseen(control, table)]
    read_stream(control, context.migration.id, lock=True)  # no chunk is cut
    for table in context.tables:
        if table in unseen:
            require_all_again(control, table)
        else:
            _require_again(control, table, found, wanted[table.target])
    what = (
        f"somebody else has written to {context.target} before the switch: {told(control, found)};"
        f" {_done(context.tables)}"
    )
    context.note_in(control, EventKind.ALARM, what)


def _changed_unseen(control: Connection, table: MigrationTable) -> bool:
    """Whether a write to another table may have changed this one's rows, and the log not tell."""
    ours = str(table.target)
    acts = any(key.acts and key.child == ours for key in foreign_keys(control, table.target))
    return acts and not cascades_are_logged(control)


def _done(tables: Sequence[MigrationTable]) -> str:
    if not any(table.keeps_differences for table in tables):
        return "these rows are verified again, and repaired"
    said = "these rows are verified again, and stop the way back if they differ"
    plans = [table.alter_plan for table in tables if table.alter_plan is not None]
    names = [column.name for plan in plans for column in plan.carried]
    if not names:
        return said
    return (
        f"{said}; what they hold in {', '.join(names)} can't be verified, and is for a person to"
        " look at"
    )


def _require_again(
    control: Connection, table: MigrationTable, found: list[LoggedTransaction], there: Table
) -> None:
    keys = keys_of(changes_of(found, table.target))
    plan = table.alter_plan
    retyped = plan is not None and plan.retyped  # its keys may sort otherwise on the source
    named = any(
        name == table.target
        for one in found
        for name in (*one.unread, *(name for name, _ in one.statements))
    )
    if named or len(keys) > _KEYS_AT_MOST or (keys and retyped):
        require_all_again(control, table)
    elif keys:
        require_again(
            control, table, chunks_of(control, table, list(map(bound_maker(there), keys)))
        )


def tell_the_rest(context: Context, until: GtidSet | None) -> None:
    """Tell what was written between the last search and the switch; a person has to look.

    `until`: what was executed before the application was told to write there.
    """
    watch = _watch(context)
    if watch is None:
        return
    if until is None:
        what = f"what others have written to {context.target} right before the switch is not known"
        context.note(EventKind.CUT_OVER, what)
        return
    with context.pools.begin(context.target) as target:
        wanted = _wanted(context, target, switched=True)
    search = search_of(context, context.target, wanted, watch.seen)
    rest = read_all(context, context.target, search, until, _REST_S)
    found = [one for one in rest if not is_swap(one, context.migration.id)]
    if not search.has_seen(until):
        tell_unfinished(context, context.target)
    with context.control() as control:
        if found:
            what = f"somebody else has written to {context.target} right before the switch"
            what = f"{what}: {told(control, found)}. Compare these rows with the old table's."
            context.note_in(control, EventKind.ALARM, what)
        end_watch(control, context.migration.id)
