"""Temporary tables of a connection: nobody else sees them, and no binary log of rows holds them."""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.table import TableName


def temporary_like(connection: Connection, name: TableName, template: TableName) -> None:
    """Create the connection's own table with the definition of `template`, if it is not there.

    It ends no transaction. A connection that holds LOCK TABLES can't create one.
    """
    made = _made(connection)
    if name.name not in made:
        run(connection, f"CREATE TEMPORARY TABLE {quote_name(name)} LIKE {quote_name(template)}")
        made.add(name.name)


def empty(connection: Connection, name: TableName) -> None:
    """Delete its rows."""
    run(connection, f"DELETE FROM {quote_name(name)}")


def drop_temporary(connection: Connection, name: TableName) -> None:
    """Drop it; that ends no transaction either."""
    run(connection, f"DROP TEMPORARY TABLE {quote_name(name)}")
    _made(connection).discard(name.name)


def _made(connection: Connection) -> set[str]:
    made: set[str] = connection.info.setdefault("temporary", set())
    return made
