"""Statements on a way back: its tables are recorded before the cut-over, the rest after the switch.

What takes time, or commits by itself, is done before: the tables' rows in `migration_tables`, by
whose numbers the key tables are named. Until the migration itself is recorded nobody does anything
with them.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from pipeline.control.chunk_checks import require_all_again
from pipeline.control.chunk_map import create_verified_chunk, drop_key_tables
from pipeline.control.claims import claim, release_claims
from pipeline.control.events import log_event
from pipeline.control.migration_tables import (
    forget_tables,
    insert_table,
    note_complete,
    note_target,
    read_tables,
)
from pipeline.control.migrations import insert_migration
from pipeline.control.streams import create_stream, log_keys_from_now
from pipeline.control.watches import begin_watch
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import MigrationTable, PlannedTable
from pipeline.domain.request import Request
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage
from pipeline.domain.way_back import StreamStart
from pipeline.errors import FatalError
from pipeline.mysql.flavours import executed_gtids, identity
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.servers import unsearchable


def plan_way_back(
    connection: Connection, migration_id: str, tables: Sequence[PlannedTable]
) -> list[MigrationTable]:
    """Record the tables of a way back, unless they are recorded.

    What is filled may have been rebuilt since an earlier attempt: it is noted anew which it is.
    """
    recorded = read_tables(connection, migration_id)
    if recorded:
        for old, table in zip(recorded, tables, strict=True):
            note_target(connection, old, table.target_identity)
    else:
        for ordinal, table in enumerate(tables):
            insert_table(connection, migration_id, ordinal, table)
    return read_tables(connection, migration_id)


def forget_way_back(connection: Connection, migration_id: str) -> None:
    """Delete what `plan_way_back` has recorded, and the key tables: there will be no way back."""
    for table in read_tables(connection, migration_id):
        drop_key_tables(connection, table)
    forget_tables(connection, migration_id)


def create_way_back(
    connection: Connection,
    migration_id: str,
    request: Request,
    start: StreamStart,
    definitions: Sequence[str],
    who: str,
) -> None:
    """Record a way back: READY, all rows verified, its stream at `start`.

    `definitions`: how the server of the new tables writes each of them.

    Raises:
        FatalError: its tables are not recorded.
        RefusedError: another migration holds one of the tables.
    """
    tables = read_tables(connection, migration_id)
    if len(tables) != len(definitions):
        raise asked_too_late()
    insert_migration(connection, migration_id, request, who, Stage.READY)
    if request.source == request.target and request.back is not None:
        # An alter's own claims are here, too. It has switched, and its way back takes them over.
        release_claims(connection, request.back.of)
    here = identity(connection)
    for table, definition in zip(tables, definitions, strict=True):
        sides = [(start.identity, table.source), (here, table.target), (here, table.live_name)]
        for server, name in dict.fromkeys(sides):
            claim(connection, migration_id, server, name)
        note_complete(connection, table, definition)
        create_verified_chunk(connection, table)
    position = GtidSet.parse(start.position)
    xa, run, read_at = start.prepared_xa, start.run, start.time
    create_stream(connection, migration_id, position, xa, run, read_at)
    log_keys_from_now(connection, migration_id)
    if unsearchable(connection) is None:
        # An alter's old table is on the server of that position: nothing is missed since the swap.
        on_one_server = request.source == request.target
        seen = GtidSet.parse(start.position) if on_one_server else executed_gtids(connection)
        begin_watch(connection, migration_id, seen)


def verify_late_writes(connection: Connection, table: MigrationTable) -> None:
    """Have all rows verified again: some were written between the proof and the swap of an alter.

    What the way back fills has them. Its source has them only if they were carried over.
    """
    require_all_again(connection, table)
    what = f"{table.source} was written between the proof and the swap; all is verified again"
    log_event(connection, table.migration_id, EventKind.WAY_BACK, what, Role.STREAM)


def asked_too_late() -> FatalError:
    return FatalError("It was asked for when the cut-over had begun.", "Ask at the start.")
