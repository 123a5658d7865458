"""Shuts out whatever still works for a migration that has ended without a switch.

A process that was paused has read that its work is wanted, and wakes up an hour later. The tables
may be somebody else's by then. Whatever it has written fails at its last statement.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from pipeline.control.chunk_checks import void_sent_attempts
from pipeline.control.chunks import void_chunks
from pipeline.control.leases import revoke_lease
from pipeline.domain.migration import MigrationTable
from pipeline.domain.role import Role


def shut_out(connection: Connection, migration_id: str, tables: Iterable[MigrationTable]) -> None:
    """Once this commits, no batch, no chunk and no repair of the migration does."""
    revoke_lease(connection, migration_id, Role.STREAM)
    for table in tables:
        void_chunks(connection, table)
        void_sent_attempts(connection, table)  # repairs among them
