"""Statements on a table's totals: what has been copied and verified, for people.

They are counters on the table's row, changed in the transactions that change what they count. So
nobody who asks has to add up a million chunks, and they are right after any crash. Nothing is
decided by them. That row is locked last in such a transaction, and so for a moment only.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Integer, func, select, update

from pipeline.control.schema import migration_tables
from pipeline.domain.migration import MigrationTable


@dataclass(frozen=True)
class Totals:
    """Rows and bytes by chunks that are done; how many chunks are fully verified."""

    rows_copied: int
    bytes_copied: int
    chunks_verified: int


def read_totals(connection: Connection, table: MigrationTable) -> Totals:
    row = connection.execute(
        select(
            migration_tables.c.rows_copied, migration_tables.c.bytes_copied,
            migration_tables.c.chunks_verified,
        ).where(migration_tables.c.id == table.id)
    ).one()  # fmt: skip
    return Totals(*row)


@dataclass(frozen=True)
class Copied:
    """How far the copy of all tables of one migration is; `estimate` is of all rows."""

    rows: int
    estimate: int
    complete: bool


NO_COPY = Copied(0, 0, complete=False)


def copies_by_migration(connection: Connection) -> dict[str, Copied]:
    """Of every migration here."""
    tables = migration_tables.c
    query = select(
        tables.migration_id,
        func.sum(tables.rows_copied, type_=Integer),
        func.sum(tables.rows_estimate, type_=Integer),
        func.min(tables.copied, type_=Integer),
    ).group_by(tables.migration_id)
    found = connection.execute(query)
    return {one: Copied(int(rows), int(all_), bool(done)) for one, rows, all_, done in found}


def add_copied(connection: Connection, table: MigrationTable, rows: int, size: int) -> None:
    """A chunk is done."""
    connection.execute(
        update(migration_tables)
        .where(migration_tables.c.id == table.id)
        .values(
            rows_copied=migration_tables.c.rows_copied + rows,
            bytes_copied=migration_tables.c.bytes_copied + size,
        )
    )


def add_verified(connection: Connection, table: MigrationTable, chunks: int) -> None:
    """So many more chunks are fully verified; fewer if it is negative."""
    if chunks:
        connection.execute(
            update(migration_tables)
            .where(migration_tables.c.id == table.id)
            .values(chunks_verified=migration_tables.c.chunks_verified + chunks)
        )
