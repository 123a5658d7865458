"""Temporary tables of a connection: nobody else sees them, and no binary log of rows holds them."""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.table import TableName


def temporary_like(connection: Connection, name: TableName, template: TableName) -> TableName:
    """The connection's own table with the definition of `template`, which is empty now.

    It is created once, and ends no transaction. Not under LOCK TABLES, unless it is there already.
    """
    made: set[str] = connection.info.setdefault("temporary", set())
    if name.name in made:
        run(connection, f"DELETE FROM {quote_name(name)}")
    else:
        run(connection, f"CREATE TEMPORARY TABLE {quote_name(name)} LIKE {quote_name(template)}")
        made.add(name.name)
    return name
