"""Statements on a way back: its tables are recorded before the cut-over, the rest after the switch.

What takes time, or commits by itself, is done before: the tables' rows in `migration_tables`, by
whose numbers the key tables are named. Until the migration itself is recorded nobody does anything
with them.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from pipeline.control.chunk_map import create_verified_chunk, drop_key_tables
from pipeline.control.claims import claim
from pipeline.control.migration_tables import (
    forget_tables,
    insert_table,
    note_complete,
    read_tables,
)
from pipeline.control.migrations import insert_migration
from pipeline.control.streams import create_stream, log_keys_from_now
from pipeline.domain.migration import MigrationTable, PlannedTable
from pipeline.domain.request import MoveRequest
from pipeline.domain.stages import Stage
from pipeline.domain.way_back import StreamStart
from pipeline.mysql.flavours import identity
from pipeline.mysql.gtid import GtidSet


def plan_way_back(
    connection: Connection, migration_id: str, tables: Sequence[PlannedTable]
) -> list[MigrationTable]:
    """Record the tables of a way back, unless they are recorded."""
    if not read_tables(connection, migration_id):
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
    request: MoveRequest,
    start: StreamStart,
    definitions: Sequence[str],
    who: str,
) -> None:
    """Record a way back: READY, all rows verified, its stream at `start`.

    `definitions`: how the server of the new tables writes each of them.

    Raises:
        RefusedError: another migration holds one of the tables.
    """
    insert_migration(connection, migration_id, request, who, Stage.READY)
    here = identity(connection)
    tables = read_tables(connection, migration_id)
    for table, definition in zip(tables, definitions, strict=True):
        claim(connection, migration_id, start.identity, table.source)
        claim(connection, migration_id, here, table.target)
        claim(connection, migration_id, here, table.live_name)
        note_complete(connection, table, definition)
        create_verified_chunk(connection, table)
    position = GtidSet.parse(start.position)
    xa, log, read_at = start.prepared_xa, start.log_identity, start.time
    create_stream(connection, migration_id, position, xa, log, read_at)
    log_keys_from_now(connection, migration_id)
