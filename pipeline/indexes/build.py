"""Adds the deferred indexes of each table, by one statement on a connection of its own.

The statement may take hours, and a coordinator's step is short. So a thread sends it, and each step
looks at what has become of it. A server goes on with an ALTER TABLE whose client is gone; if the
process dies, its successors find the connection still busy, and wait for it.

I7: the statement is no part of a fenced transaction. The connection is noted before it acts; a
connection that is noted and does nothing is ended before anything else is done, and only then the
server is asked which indexes there are. So at most one connection adds indexes, and none does that
the control schema does not know. Whatever ends it, the server takes back what was not finished.
"""

from __future__ import annotations

from pipeline.control.index_builds import (
    IndexBuild,
    begin_build,
    end_build,
    find_build,
    mark_built,
)
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import MigrationTable
from pipeline.errors import FatalError
from pipeline.indexes.statement import open_index_connection, send
from pipeline.mysql.indexes import DeferredIndex, add_indexes_statement, index_names
from pipeline.mysql.pools import (
    connection_is_busy,
    raw_connection_id,
)
from pipeline.pausepoints import Point, reached
from pipeline.step.context import Context
from pipeline.step.ddl import end_connection
from pipeline.waiting import wait_until

_SENT_S = 5.0
_POLL_S = 0.01


def build_indexes(context: Context) -> bool:
    """Take the builds as far as they go now, one table at a time; whether all indexes are there.

    Raises:
        FatalError: the server can't add them.
    """
    for table in context.tables:
        with context.control() as control:
            build = find_build(control, table)
        if build is not None and build.built_at is None and not _advance(context, table, build):
            return False
    return True


def end_builds(context: Context) -> None:
    """End every connection that adds indexes: the migration is to stop, or to be undone.

    Raises:
        RetryableError: one of them is still there.
    """
    for table in context.tables:
        with context.control() as control:
            build = find_build(control, table)
        if build is not None:
            _end(context, build)


def _advance(context: Context, table: MigrationTable, build: IndexBuild) -> bool:
    if _goes_on(context, build):
        return False
    _end(context, build)
    missing = _missing(context, table, build)
    if not missing:
        _built(context, table, build)
        return True
    if build.failure is not None:
        by_hand = _or_by_hand(table, missing)
        raise FatalError(
            f"The indexes of {table.target} can't be added: {build.failure.explanation}",
            f"{build.failure.remedy} {by_hand}",
        )
    _begin(context, table, build, missing)
    return False


def _or_by_hand(table: MigrationTable, missing: tuple[DeferredIndex, ...]) -> str:
    statement = add_indexes_statement(table.target, missing, online=False)
    return (
        f"Or add them by hand; nobody writes meanwhile: {statement}; then:"
        f" tranship resume {table.migration_id}"
    )


def _goes_on(context: Context, build: IndexBuild) -> bool:
    if build.connection_id is None:
        return False
    with context.pools.begin(context.target) as target:
        return connection_is_busy(target, build.connection_id, build.seconds)


def _end(context: Context, build: IndexBuild) -> None:
    """Make sure that the connection of an earlier intent adds no index any more."""
    if build.connection_id is None:
        return
    end_connection(context.pools, context.target, build.connection_id, build.seconds)
    with context.control() as control:
        end_build(control, build)


def _missing(
    context: Context, table: MigrationTable, build: IndexBuild
) -> tuple[DeferredIndex, ...]:
    with context.pools.begin(context.target) as target:
        there = index_names(target, table.target)
    return tuple(index for index in build.indexes if index.name not in there)


def _built(context: Context, table: MigrationTable, build: IndexBuild) -> None:
    with context.control() as control:
        mark_built(control, build)
        if build.indexes:
            what = f"{table.target} has them all now, after {build.seconds:.1f} s: {build.names}"
            context.note_in(control, EventKind.INDEX, what)


def _begin(
    context: Context,
    table: MigrationTable,
    build: IndexBuild,
    missing: tuple[DeferredIndex, ...],
) -> None:
    """Note the intent, then send the statement; a thread waits for its end."""
    # A restart of the server counts, unlike elsewhere: it may be this statement that has ended it,
    # and must not do so for ever. While it is away nothing is begun.
    most = context.settings.row_copy.attempts
    if build.attempts >= most:
        by_hand = _or_by_hand(table, missing)
        raise FatalError(
            f"The indexes of {table.target} were not there after {build.attempts} attempts.",
            f"The target's error log may say why; then: tranship resume {table.migration_id}."
            f" {by_hand}",
        )
    raw = open_index_connection(context.pools, context.target)
    number = raw_connection_id(raw)
    with context.control() as control:
        begin_build(control, build, number)
        names = ", ".join(index.name for index in missing)
        context.note_in(control, EventKind.INDEX, f"{table.target}: adding {names}")
    reached(Point.INDEX_INTENT)
    sent = send(
        context.pools, context.target, raw, build, add_indexes_statement(table.target, missing)
    )

    def under_way() -> bool:
        with context.pools.begin(context.target) as target:
            return not sent.is_alive() or connection_is_busy(target, number)

    # The next step takes a connection that does nothing for one that was left behind.
    wait_until(under_way, _SENT_S, _POLL_S)
    reached(Point.INDEX_SENT)
