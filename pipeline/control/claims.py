"""Statements on claims: a table is under one migration at a time."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select
from sqlalchemy.exc import IntegrityError

from pipeline.control.schema import claims, migration_tables, migrations
from pipeline.domain.stages import ENDED
from pipeline.errors import RefusedError
from pipeline.mysql.table import TableName


def claim(connection: Connection, migration_id: str, source: str, name: TableName) -> None:
    """
    Raises:
        RefusedError: another migration holds the table.
    """
    try:
        connection.execute(
            claims.insert().values(
                source=source, schema_name=name.schema, table_name=name.name,
                migration_id=migration_id,
            )
        )  # fmt: skip
    except IntegrityError:
        other = claimed_by(connection, source, name)
        raise RefusedError(
            f"{name} belongs to migration {other}.",
            f"Wait for it, or end it with: tranship abort {other} && tranship clean-up {other}",
        ) from None


def claimed_by(connection: Connection, source: str, name: TableName) -> str | None:
    """The migration that holds a table of `source`, if any."""
    return connection.execute(
        select(claims.c.migration_id).where(
            claims.c.source == source,
            claims.c.schema_name == name.schema,
            claims.c.table_name == name.name,
        )
    ).scalar_one_or_none()


def written_by(connection: Connection, target: str, name: TableName) -> str | None:
    """The migration that has not ended and whose target table this is, if any."""
    return connection.execute(
        select(migrations.c.id)
        .join(migration_tables, migration_tables.c.migration_id == migrations.c.id)
        .where(
            migrations.c.target == target,
            migrations.c.stage.not_in(ENDED),
            migration_tables.c.target_schema == name.schema,
            migration_tables.c.target_name == name.name,
        )
        .limit(1)
    ).scalar_one_or_none()


def release_claims(connection: Connection, migration_id: str) -> None:
    connection.execute(delete(claims).where(claims.c.migration_id == migration_id))
