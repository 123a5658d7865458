"""Triggers: read from one server and created on another unchanged.

A trigger remembers the sql_mode and the character sets of the session that created it, so the
session that creates it again takes them on for that one statement.
"""

from __future__ import annotations

from dataclasses import dataclass

from pymysql.charset import charset_by_name
from sqlalchemy import Connection

from pipeline.mysql.pools import run
from pipeline.mysql.quoting import names_table, quote, quote_name, text_literal
from pipeline.mysql.session_settings import SQL_MODE
from pipeline.mysql.table import TableName


@dataclass(frozen=True)
class Trigger:
    """One trigger. `statement` is its body; `definer` is `user@host`."""

    name: str
    timing: str  # "BEFORE"
    event: str  # "INSERT"
    statement: str
    definer: str
    sql_mode: str
    client_charset: str
    collation: str

    def create(self, table: TableName, name: str) -> bytes:
        """CREATE TRIGGER `name` on `table`, in the character set in which it was written."""
        user, _, host = self.definer.rpartition("@")
        text = (
            f"CREATE DEFINER={quote(user)}@{quote(host)}"
            f" TRIGGER {quote_name(TableName(table.schema, name))}"
            f" {self.timing} {self.event} ON {quote_name(table)} FOR EACH ROW {self.statement}"
        )
        return text.encode(charset_by_name(self.client_charset).encoding or "utf-8")


def read_triggers(connection: Connection, table: TableName) -> list[Trigger]:
    """The triggers of a table, in the order in which they act."""
    rows = run(
        connection,
        "SELECT trigger_name, action_timing, event_manipulation, action_statement, definer,"
        " sql_mode, character_set_client, collation_connection"
        " FROM information_schema.triggers"
        f" WHERE {names_table(table, 'event_object_schema', 'event_object_table')}"
        " ORDER BY event_manipulation, action_timing, action_order",
    ).rows
    return [Trigger(*(_text(value) for value in row)) for row in rows]


def create_trigger(connection: Connection, trigger: Trigger, table: TableName, name: str) -> None:
    """Create `trigger` on `table` under `name`."""
    run(
        connection,
        f"SET SESSION sql_mode = {text_literal(trigger.sql_mode)},"
        f" character_set_client = {trigger.client_charset},"
        f" collation_connection = {trigger.collation}",
    )
    try:
        run(connection, trigger.create(table, name))
    finally:
        run(connection, "SET NAMES utf8mb4")
        run(connection, f"SET SESSION sql_mode = '{SQL_MODE}'")


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
