"""What a server says of itself and of its tables: version, identity, definitions as text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.mysql.flavours import (
    binlog_status,
    identity,
    is_mariadb,
    replication_id,
    variable,
)
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import names_table, quote, quote_name, text_literal
from pipeline.mysql.table import TableName

_TEXT = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.S)
_FILTERS = ("Binlog_Do_DB", "Binlog_Ignore_DB")


@dataclass(frozen=True)
class ServerFacts:
    """What a migration has to know of a server."""

    version: tuple[int, int, int]
    version_text: str
    is_mariadb: bool
    identity: str  # no other server has it
    replication_id: str  # what its replicas call it


def server_facts(connection: Connection) -> ServerFacts:
    text = str(run(connection, "SELECT VERSION()").rows[0][0])
    numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", text)
    version = tuple(map(int, numbers.groups())) if numbers else (0, 0, 0)
    return ServerFacts(
        version,  # type: ignore[arg-type]
        text,
        is_mariadb(connection),
        identity(connection),
        replication_id(connection),
    )


def tls_cipher(connection: Connection) -> str:
    """The cipher of this connection; empty without TLS."""
    return str(run(connection, "SHOW SESSION STATUS LIKE 'Ssl_cipher'").rows[0][1])


def status_variable(connection: Connection, name: str) -> str | None:
    """The value of a global status variable; None if the server doesn't know it."""
    rows = run(connection, f"SHOW GLOBAL STATUS WHERE Variable_name = {text_literal(name)}").rows
    return str(rows[0][1]) if rows else None


def create_statement(connection: Connection, name: TableName) -> str:
    """SHOW CREATE TABLE.

    Raises:
        pymysql.err.ProgrammingError: 1146, there is no such table.
    """
    run(connection, "SET SESSION sql_quote_show_create = 1")
    return str(run(connection, f"SHOW CREATE TABLE {quote_name(name)}").rows[0][1])


def definition_text(connection: Connection, name: TableName) -> str:
    """What SHOW CREATE TABLE says, but for the table's name and its next AUTO_INCREMENT.

    Raises:
        pymysql.err.ProgrammingError: 1146, there is no such table.
    """
    return definition_of(create_statement(connection, name))


def definition_of(create_table: str) -> str:
    """The same, of the text of a SHOW CREATE TABLE."""
    body = create_table[create_table.index("(\n") + 2 :]
    at = body.rfind("\n)")
    return body[:at] + re.sub(r" AUTO_INCREMENT=\d+", "", body[at:])


def table_exists(connection: Connection, name: TableName) -> bool:
    statement = f"SELECT 1 FROM information_schema.tables WHERE {names_table(name)}"
    return bool(run(connection, statement).rows)


def has_comment(connection: Connection, name: TableName, comment: str) -> bool:
    """Whether there is such a table, with that comment."""
    condition = f"{names_table(name)} AND table_comment = {text_literal(comment)}"
    statement = f"SELECT 1 FROM information_schema.tables WHERE {condition}"
    return bool(run(connection, statement).rows)


def drop_if(connection: Connection, name: TableName, is_ours: Callable[[Connection], bool]) -> bool:
    """Drop a table if it is ours, which is looked at under a lock; whether it was.

    Without the lock the name could be another table's by the time of the DROP. Needs LOCK TABLES.
    """
    if not is_ours(connection):
        return False
    run(connection, f"LOCK TABLES {quote_name(name)} WRITE")
    try:
        found = is_ours(connection)
        if found:
            run(connection, f"DROP TABLE {quote_name(name)}")
        return found
    finally:
        run(connection, "UNLOCK TABLES")


def stored_name(connection: Connection, name: TableName) -> TableName:
    """What the server calls the table `name`; the name itself if there is none.

    A server that ignores case may have stored another spelling, and logs changes under that.
    """
    rows = run(
        connection,
        f"SELECT table_schema, table_name FROM information_schema.tables WHERE {names_table(name)}",
    ).rows
    found = [TableName(str(schema), str(table)) for schema, table in rows]
    return name if name in found or not found else found[0]


def table_is_empty(connection: Connection, name: TableName) -> bool:
    return not run(connection, f"SELECT 1 FROM {quote_name(name)} LIMIT 1").rows


def auto_increment(create_table: str) -> int | None:
    """The next AUTO_INCREMENT value in the text of a SHOW CREATE TABLE."""
    found = table_option(create_table, "AUTO_INCREMENT")
    return int(found) if found else None


def table_option(create_table: str, name: str) -> str | None:
    """An option of the table in the text of a SHOW CREATE TABLE; a comment may look like one."""
    # Options follow the last closing parenthesis that begins a line.
    options = _TEXT.sub("", create_table[create_table.rfind("\n)") :])
    found = re.search(rf"\b{name}=(\w+)", options)
    return found[1] if found else None


def create_schema(connection: Connection, schema: str) -> None:
    run(connection, f"CREATE DATABASE IF NOT EXISTS {quote(schema)}")


def unsearchable(connection: Connection) -> str | None:
    """Why nobody can look up in the server's binary log who has written what; None: one can.

    Needs REPLICATION CLIENT.
    """
    if variable(connection, "log_bin") != "ON":
        return "it keeps no binary log"
    if not is_mariadb(connection) and variable(connection, "gtid_mode") != "ON":
        return "gtid_mode is not ON"
    if any(binlog_filters(connection)):
        return "its binary log is filtered"
    return None


def binlog_filters(connection: Connection) -> tuple[set[str], set[str]]:
    """(the only schemas that are logged, schemas that never are); mostly both are empty.

    Raises:
        pymysql.err.OperationalError: 1227, no REPLICATION CLIENT.
    """
    rows = binlog_status(connection)
    only, never = (
        {schema for row in rows for schema in str(row[name] or "").split(",") if schema}
        for name in _FILTERS
    )
    return only, never
