"""Renames the source's tables, and back, and finds out what a crash in between has left.

A way back also gives the target's tables the names that they had: last, since from then on they can
be written to.

Only one connection may ever rename: the one whose number is in the durable intent (I7). Whoever
coordinates next first kills that connection and waits until it is gone. Then the names of the
source's tables can be read, since nothing can change them any more: not a statement that is still
waiting for a lock, and not a coordinator that was paused before sending one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

from pymysql.connections import Connection as RawConnection
from sqlalchemy import Connection

from pipeline.control.migrations import note_rename_connection
from pipeline.cutover.blockers import BlockerWatch
from pipeline.cutover.lock_wait import Waiting
from pipeline.cutover.shared import end_noted_connection
from pipeline.errors import AmbiguousError, RetryableError
from pipeline.mysql.failures import driver_errors
from pipeline.mysql.flavours import raw_executed_gtids
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import raw_connection_id, run, run_raw
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.servers import table_exists
from pipeline.mysql.table import TableName
from pipeline.step.context import Context

_LOOK_S = 0.1  # between two looks at who holds the tables
_WAIT_S = 1  # the application is waiting


class Names(Enum):
    """Which names a server's tables have."""

    IN_PLACE = "in place"
    RETIRED = "retired"


def rename_statement(context: Context, *, back: bool = False) -> str:
    """Renames the source's tables."""
    pairs = [(table.source, table.retired_name) for table in context.tables]
    return _statement(context, [pair[::-1] for pair in pairs] if back else pairs)


def _statement(context: Context, pairs: Iterable[tuple[TableName, TableName]]) -> str:
    """One RENAME for all tables, which is atomic. By its comment the streamer knows it."""
    renamed = ", ".join(f"{quote_name(old)} TO {quote_name(new)}" for old, new in pairs)
    return f"RENAME TABLE {renamed} /* tranship {context.migration.id} */"


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


def read_source_names(context: Context) -> Names:
    """Where the source's tables are now.

    Raises:
        AmbiguousError: neither all in place nor all retired.
    """
    pairs = [(table.source, table.retired_name) for table in context.tables]
    with context.source() as source:
        return _read_names(source, "source", pairs)


def _read_names(
    server: Connection, what: str, pairs: Sequence[tuple[TableName, TableName]]
) -> Names:
    in_place = [live for live, _ in pairs if table_exists(server, live)]
    retired = [live for live, name in pairs if table_exists(server, name)]
    if len(in_place) == len(pairs) and not retired:
        return Names.IN_PLACE
    if len(retired) == len(pairs) and not in_place:
        return Names.RETIRED
    raise AmbiguousError(
        f"On the {what}, {_listed(in_place)} are in place and"
        f" {_listed(retired)} exist under their retired names.",
        "Nothing was changed. Rename them by hand to one or the other, then: tranship resume ID.",
    )


def read_target_names(context: Context) -> Names:
    """Way back only: whether the target's tables have their names again.

    Raises:
        AmbiguousError: not all, and not none.
    """
    pairs = [(table.live_name, table.target) for table in context.tables]
    with context.reading() as target:
        # One RENAME takes all: if they have the retired names, another table has the live one.
        if all(table_exists(target, retired) for _, retired in pairs):
            return Names.RETIRED
        return _read_names(target, "target", pairs)


def give_names(context: Context) -> None:
    """Way back only: give the target's tables their names again.

    Raises:
        RetryableError: somebody holds one of them; or it may have happened.
    """
    pairs = [(table.target, table.live_name) for table in context.tables]
    with context.ddl(lock_wait_s=_WAIT_S) as target:
        run(target, "SET SESSION foreign_key_checks = 1")
        run(target, _statement(context, pairs))


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


def _listed(names: list[TableName]) -> str:
    return ", ".join(map(str, names)) or "no tables"
