"""Statements on claims: a table is under one migration at a time, on whatever side.

A server is told by its identity, since a configuration may have two names for it.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, select
from sqlalchemy.exc import IntegrityError

from pipeline.control.schema import claims
from pipeline.errors import RefusedError
from pipeline.mysql.table import TableName


def claim(connection: Connection, migration_id: str, server: str, name: TableName) -> None:
    """
    Raises:
        RefusedError: another migration holds the table.
    """
    try:
        connection.execute(
            claims.insert().values(
                server=server, schema_name=name.schema, table_name=name.name,
                migration_id=migration_id,
            )
        )  # fmt: skip
    except IntegrityError:
        other = claimed_by(connection, server, name)
        raise RefusedError(
            f"{name} belongs to migration {other}.",
            f"Wait for it, or end it with: tranship abort {other} && tranship clean-up {other}",
        ) from None


def claimed_by(connection: Connection, server: str, name: TableName) -> str | None:
    """The migration that holds a table of the server with that identity, if any."""
    return connection.execute(
        select(claims.c.migration_id).where(
            claims.c.server == server,
            claims.c.schema_name == name.schema,
            claims.c.table_name == name.name,
        )
    ).scalar_one_or_none()


def release_claims(connection: Connection, migration_id: str) -> None:
    connection.execute(delete(claims).where(claims.c.migration_id == migration_id))
