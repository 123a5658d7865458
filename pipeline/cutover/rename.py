"""Renames the source's tables, and back, and finds out what a crash in between has left.

Only one connection may ever rename: the one whose number is in the durable intent (I7). Whoever
coordinates next first kills that connection and waits until it is gone. Then the names of the
source's tables can be read, since nothing can change them any more: not a statement that is still
waiting for a lock, and not a coordinator that was paused before sending one.
"""

from __future__ import annotations

import time
from enum import Enum
from typing import Any

from pymysql.connections import Connection as RawConnection

from pipeline.control.migrations import note_rename_connection
from pipeline.cutover.blockers import BlockerWatch
from pipeline.cutover.lock_wait import Waiting
from pipeline.cutover.shared import end_noted_connection
from pipeline.domain.migration import MigrationTable
from pipeline.errors import AmbiguousError, RetryableError
from pipeline.mysql.failures import driver_errors
from pipeline.mysql.flavours import raw_executed_gtids
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import raw_connection_id, run_raw
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.servers import table_exists
from pipeline.step.context import Context

_LOOK_S = 0.1  # between two looks at who holds the tables


class SourceState(Enum):
    """Which names the source's tables have."""

    IN_PLACE = "in place"
    RETIRED = "retired"


def rename_statement(context: Context, *, back: bool = False) -> str:
    """One RENAME for all tables, which is atomic. By its comment the streamer knows it."""
    pairs = []
    for table in context.tables:
        names = (table.retired_name, table.source) if back else (table.source, table.retired_name)
        pairs.append(f"{quote_name(names[0])} TO {quote_name(names[1])}")
    return f"RENAME TABLE {', '.join(pairs)} /* tranship {context.migration.id} */"


def open_rename_connection(context: Context) -> RawConnection[Any]:
    """A connection whose waits for locks are bounded."""
    connection = context.pools.connect(context.migration.source)
    limit = context.settings.cut_over.lock_wait_s
    run_raw(connection, f"SET SESSION lock_wait_timeout = {limit}, foreign_key_checks = 1")
    return connection


def rename(connection: RawConnection[Any], context: Context) -> GtidSet:
    """Rename, and return what the source had executed just after.

    Raises:
        RetryableError: somebody holds a table for longer than `cut_over.lock_wait_s`; named.
    """
    names = tuple(table.source for table in context.tables)
    watch = BlockerWatch(context, names, (raw_connection_id(connection),))
    began = time.monotonic()
    waiting = Waiting(connection, rename_statement(context), context.migration.source)
    while not waiting.ended(_LOOK_S):
        watch.check(time.monotonic() - began)
    try:
        waiting.result()
    except RetryableError as error:
        raise RetryableError(f"The tables were not renamed ({error}){watch.found}.") from error
    with driver_errors(context.migration.source):
        return raw_executed_gtids(connection)


def read_source_state(context: Context) -> SourceState:
    """Where the source's tables are now.

    Raises:
        AmbiguousError: neither all in place nor all retired.
    """
    with context.source() as source:
        in_place = [table for table in context.tables if table_exists(source, table.source)]
        retired = [table for table in context.tables if table_exists(source, table.retired_name)]
    if len(in_place) == len(context.tables) and not retired:
        return SourceState.IN_PLACE
    if len(retired) == len(context.tables) and not in_place:
        return SourceState.RETIRED
    raise AmbiguousError(
        f"On the source, {_names(in_place)} are in place and"
        f" {_names(retired)} exist under their retired names.",
        "Nothing was changed. Rename them by hand to one or the other, then: tranship resume ID.",
    )


def end_rename_connection(context: Context) -> None:
    """Make sure that the connection of an earlier intent can't rename any more.

    Raises:
        RetryableError: it is still there.
    """
    number = context.migration.rename_connection
    if number is None:
        return
    end_noted_connection(context, number)
    with context.control() as control:
        note_rename_connection(control, context.migration.id, None)


def _names(tables: list[MigrationTable]) -> str:
    return ", ".join(str(one.source) for one in tables) or "no tables"
