"""Who else writes to a table, as far as the server remembers what each session has done."""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.mysql.connect import PROGRAM
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import text_literal
from pipeline.mysql.table import TableName

_SHOWN = 120
_NAMED = 5


def other_writers(connection: Connection, table: TableName) -> list[str]:
    """Sessions that are open, are not ours, and have changed rows by a statement that names it.

    Raises:
        pymysql.err.OperationalError: 1142, no SELECT on performance_schema.
    """
    rows = run(
        connection,
        "SELECT t.processlist_id, CONCAT(t.processlist_user, '@', t.processlist_host),"
        f" LEFT(MAX(h.sql_text), {_SHOWN})"
        " FROM performance_schema.events_statements_history h"
        " JOIN performance_schema.threads t ON t.thread_id = h.thread_id"
        " LEFT JOIN performance_schema.session_connect_attrs a"
        " ON a.processlist_id = t.processlist_id AND a.attr_name = 'program_name'"
        f" WHERE h.rows_affected > 0 AND INSTR(h.sql_text, {text_literal(table.name)}) > 0"
        f" AND COALESCE(a.attr_value, '') <> {text_literal(PROGRAM)}"
        f" GROUP BY t.processlist_id, 2 LIMIT {_NAMED}",
    ).rows
    return [f"connection {number} ({user}): {_line(text)}" for number, user, text in rows]


def _line(text: object) -> str:
    shown = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    return " ".join(shown.split())
