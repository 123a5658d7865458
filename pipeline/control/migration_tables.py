"""Statements on the tables of a migration. What changes of one after the start has a name here."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select, union_all, update

from pipeline.control.schema import migration_tables, migrations
from pipeline.domain.migration import MigrationTable, PlannedTable
from pipeline.mysql.table import TableName


def insert_table(
    connection: Connection, migration_id: str, ordinal: int, table: PlannedTable
) -> None:
    connection.execute(
        migration_tables.insert().values(
            migration_id=migration_id, ordinal=ordinal, definition=table.definition,
            definition_text=table.definition_text,
            target_schema=table.target.schema, target_name=table.target.name,
            rows_estimate=table.rows_estimate, bytes_estimate=table.bytes_estimate,
            created_by_us=False, target_identity=table.target_identity,
            source_identity=table.source_identity, planned=False, copied=False,
            chunk_rows=table.chunk_rows, alter_plan=table.alter_plan, returns_to=table.returns_to,
            keys_attempt=0, keys_failures=0, rows_copied=0, bytes_copied=0, chunks_verified=0,
        )
    )  # fmt: skip


def read_tables(connection: Connection, migration_id: str) -> list[MigrationTable]:
    rows = connection.execute(
        select(migration_tables)
        .where(migration_tables.c.migration_id == migration_id)
        .order_by(migration_tables.c.ordinal)
    )
    return [_from_row(row) for row in rows]


def noted_later(
    connection: Connection, migration_id: str, identity: str | None
) -> list[tuple[str, str]]:
    """The later migrations that have noted a table of that identity, each with its server's name.

    An earlier one may have noted it as well: it has made the table that this one has retired.
    """
    of, own = migration_tables.c, migrations.alias()
    since = select(own.c.created_at).where(own.c.id == migration_id).scalar_subquery()
    sides = ((of.target_identity, migrations.c.target), (of.source_identity, migrations.c.source))
    found = union_all(
        *(
            select(migrations.c.id, server)
            .join(migration_tables, of.migration_id == migrations.c.id)
            .where(noted == identity, migrations.c.id != migration_id)
            .where(migrations.c.created_at >= since)
            for noted, server in sides
        )
    )
    return [(str(row[0]), str(row[1])) for row in connection.execute(found)]


def mark_created_by_us(connection: Connection, table: MigrationTable) -> None:
    """The target's table is about to be created, and ours to drop."""
    _update(connection, table, created_by_us=True, target_identity=None)


def note_target(connection: Connection, table: MigrationTable, identity: str | None) -> None:
    """Which table it is that is filled: the one that we have created, or one that was retired."""
    _update(connection, table, target_identity=identity)


def mark_dropped(connection: Connection, table: MigrationTable) -> None:
    """What we had created is gone; what bears its name from now on is not ours."""
    _update(connection, table, created_by_us=False, target_identity=None)


def note_source(connection: Connection, table: MigrationTable, identity: str | None) -> None:
    """Which table it is that will get the retired name."""
    _update(connection, table, source_identity=identity)


def note_complete(connection: Connection, table: MigrationTable, definition_text: str) -> None:
    """Way back only: nothing is to be copied; and how its source's server writes the table now."""
    _update(connection, table, planned=True, copied=True, definition_text=definition_text)


def forget_tables(connection: Connection, migration_id: str) -> None:
    """Delete the records of tables whose migration was never recorded."""
    of_it = migration_tables.c.migration_id == migration_id
    connection.execute(migration_tables.delete().where(of_it))


def mark_planned(connection: Connection, table: MigrationTable) -> None:
    """The chunker has seen the end of the key."""
    _update(connection, table, planned=True)


def mark_copied(connection: Connection, table: MigrationTable) -> None:
    """No chunk can be in flight any more."""
    _update(connection, table, copied=True)


def set_chunk_rows(connection: Connection, table: MigrationTable, rows: int) -> None:
    _update(connection, table, chunk_rows=rows)


def take_documents_as_text(connection: Connection, table: MigrationTable) -> None:
    """From now on documents become what their text says."""
    plan = table.alter_plan
    _update(
        connection, table, definition=table.definition.documents_as_text(),
        alter_plan=None if plan is None else plan.documents_as_text(),
    )  # fmt: skip


def _update(connection: Connection, table: MigrationTable, **values: Any) -> None:
    connection.execute(
        update(migration_tables).where(migration_tables.c.id == table.id).values(**values)
    )


def _from_row(row: Row[Any]) -> MigrationTable:
    values = dict(row._mapping)
    for name in ("keys_sent_at", "keys_attempt", "keys_failures", "keys_per_s"):
        values.pop(name)  # of the verification of touched keys, not of the table
    for total in ("rows_copied", "bytes_copied", "chunks_verified"):
        values.pop(total)
    target = TableName(values.pop("target_schema"), values.pop("target_name"))
    return MigrationTable(target=target, **values)
