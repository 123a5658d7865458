"""What servers differ in, asked in one place: version, executed GTID set, DDL texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote, quote_name, text_literal
from pipeline.mysql.table import TableName

_FILTERS = ("Binlog_Do_DB", "Binlog_Ignore_DB")


@dataclass(frozen=True)
class ServerFacts:
    """What a server is, as far as a migration cares."""

    version: tuple[int, int, int]
    version_text: str
    is_mariadb: bool
    uuid: str


def server_facts(connection: Connection) -> ServerFacts:
    text = str(run(connection, "SELECT VERSION()").rows[0][0])
    is_mariadb = "mariadb" in text.lower()
    numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", text)
    version = tuple(map(int, numbers.groups())) if numbers else (0, 0, 0)
    uuid = "" if is_mariadb else variable(connection, "server_uuid")
    return ServerFacts(version, text, is_mariadb, uuid)  # type: ignore[arg-type]


def variable(connection: Connection, name: str) -> str:
    """A global variable's value; "" where the server doesn't know it."""
    rows = run(connection, f"SHOW GLOBAL VARIABLES WHERE Variable_name = {text_literal(name)}").rows
    return str(rows[0][1]) if rows else ""


def executed_gtids(connection: Connection) -> GtidSet:
    """Every transaction the server has committed, and made visible, by now."""
    return GtidSet.parse(str(run(connection, "SELECT @@GLOBAL.gtid_executed").rows[0][0]))


def wait_until_executed(connection: Connection, gtids: GtidSet, limit_s: float) -> bool:
    """Wait until readers of this server see `gtids`: the binlog runs ahead of them."""
    if not gtids.intervals:
        return True
    statement = f"SELECT WAIT_FOR_EXECUTED_GTID_SET('{gtids}', {limit_s})"
    return bool(run(connection, statement).rows[0][0] == 0)


def create_statement(connection: Connection, name: TableName) -> str:
    """SHOW CREATE TABLE.

    Raises:
        pymysql.err.ProgrammingError: 1146, there is no such table.
    """
    run(connection, "SET SESSION sql_quote_show_create = 1")
    return str(run(connection, f"SHOW CREATE TABLE {quote_name(name)}").rows[0][1])


def table_exists(connection: Connection, name: TableName) -> bool:
    statement = (
        "SELECT 1 FROM information_schema.tables"
        f" WHERE table_schema = {text_literal(name.schema)}"
        f" AND table_name = {text_literal(name.name)}"
    )
    return bool(run(connection, statement).rows)


def table_is_empty(connection: Connection, name: TableName) -> bool:
    return not run(connection, f"SELECT 1 FROM {quote_name(name)} LIMIT 1").rows


def auto_increment(create_table: str) -> int | None:
    """The next AUTO_INCREMENT value that a SHOW CREATE TABLE names."""
    # Only in the table's options, which follow the last closing parenthesis of a line.
    options = create_table[create_table.rfind("\n)") :]
    found = re.search(r"\bAUTO_INCREMENT=(\d+)", options)
    return int(found.group(1)) if found else None


def create_schema(connection: Connection, schema: str) -> None:
    run(connection, f"CREATE DATABASE IF NOT EXISTS {quote(schema)}")


def connection_is_alive(connection: Connection, number: int) -> bool:
    statement = f"SELECT 1 FROM information_schema.processlist WHERE id = {number}"
    return bool(run(connection, statement).rows)


def replica_sources(connection: Connection) -> set[str]:
    """The server uuids that this server replicates from ("" where one is not known yet).

    Raises:
        pymysql.err.OperationalError: 1227, no REPLICATION CLIENT.
    """
    return {str(row.get("Source_UUID") or "") for row in _table(connection, "SHOW REPLICA STATUS")}


def binlog_filters(connection: Connection) -> tuple[set[str], set[str]]:
    """(schemas that alone are logged, schemas that never are); both mostly empty.

    Raises:
        pymysql.err.OperationalError: 1227, no REPLICATION CLIENT.
    """
    renamed = server_facts(connection).version >= (8, 2, 0)
    statement = "SHOW BINARY LOG STATUS" if renamed else "SHOW MASTER STATUS"
    rows = _table(connection, statement)
    only, never = (
        {schema for row in rows for schema in str(row[name] or "").split(",") if schema}
        for name in _FILTERS
    )
    return only, never


def _table(connection: Connection, statement: str) -> list[dict[str, Any]]:
    """The rows of a SHOW by column name: their order and number differ between versions."""
    raw = connection.connection.driver_connection
    assert raw is not None
    with raw.cursor() as cursor:
        cursor.execute(statement)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
