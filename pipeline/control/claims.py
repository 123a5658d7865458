"""Statements on claims: a table is under one migration at a time, on whatever side.

A server is told by its identity, since a configuration may have two names for it. A replica has a
copy of its source's claims, and keeps it when it is a replica no longer. So each claim also says in
whose control schema it was recorded: elsewhere it is a copy, which counts only while that server
can't be asked.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, select
from sqlalchemy.exc import IntegrityError

from pipeline.control.schema import SCHEMA, claims
from pipeline.errors import RefusedError
from pipeline.mysql.flavours import identity
from pipeline.mysql.table import TableName


@dataclass(frozen=True)
class Held:
    """The claim of a migration; `kept_on` is the identity of the server that recorded it."""

    migration_id: str
    kept_on: str

    @property
    def forgetting(self) -> str:
        """The statement by which a person makes a copy void."""
        return (
            f"DELETE FROM {SCHEMA}.claims WHERE migration_id = '{self.migration_id}'"
            f" AND kept_on = '{self.kept_on}';"
        )


def claim(connection: Connection, migration_id: str, server: str, name: TableName) -> None:
    """
    Raises:
        RefusedError: another migration holds the table.
    """
    here = identity(connection)
    try:
        connection.execute(
            claims.insert().values(
                server=server, schema_name=name.schema, table_name=name.name,
                migration_id=migration_id, kept_on=here,
            )
        )  # fmt: skip
    except IntegrityError:
        held = find_claim(connection, server, name)
        raise _refusal(held, here, name) from None


def _refusal(held: Held | None, here: str, name: TableName) -> RefusedError:
    other = held.migration_id if held is not None else "that has just ended"
    remedy = f"Wait for it, or end it with: tranship abort {other} && tranship clean-up {other}"
    if held is not None and held.kept_on != here:
        remedy = (
            f"That claim was copied from another server ({held.kept_on}). If nobody goes on with"
            f" {other}: {held.forgetting}"
        )
    return RefusedError(f"{name} belongs to migration {other}.", remedy)


def find_claim(connection: Connection, server: str, name: TableName) -> Held | None:
    """The claim on a table of the server with that identity, if any."""
    query = select(claims.c.migration_id, claims.c.kept_on).where(_on(server, name))
    row = connection.execute(query).one_or_none()
    return None if row is None else Held(*row)


def forget_copy(connection: Connection, server: str, name: TableName) -> None:
    """Forget a claim that another server has recorded, once that one says that it has ended."""
    copied = claims.c.kept_on != identity(connection)
    connection.execute(delete(claims).where(_on(server, name), copied))


def release_claims(connection: Connection, migration_id: str) -> None:
    connection.execute(delete(claims).where(claims.c.migration_id == migration_id))


def _on(server: str, name: TableName) -> ColumnElement[bool]:
    return and_(
        claims.c.server == server,
        claims.c.schema_name == name.schema,
        claims.c.table_name == name.name,
    )
