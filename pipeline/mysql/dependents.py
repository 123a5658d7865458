"""Finds what else on a server names a table: views, routines, events, triggers, grants.

It searches the texts that information_schema shows, so it goes by name only: a text that holds
the table's name as a word counts, whatever the word means there; a text that we have no right
to see does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.mysql.pools import run
from pipeline.mysql.quoting import names_table, text_literal
from pipeline.mysql.table import TableName

# Kind, and the query that gives schema, name and text of each.
_TEXTS = (
    ("view", "SELECT table_schema, table_name, view_definition FROM information_schema.views"),
    (
        "routine",
        "SELECT routine_schema, routine_name, routine_definition FROM information_schema.routines",
    ),
    ("event", "SELECT event_schema, event_name, event_definition FROM information_schema.events"),
    (
        "trigger",
        "SELECT trigger_schema, trigger_name, action_statement FROM information_schema.triggers",
    ),
)
_SYSTEM = "('sys', 'mysql', 'information_schema', 'performance_schema')"


@dataclass(frozen=True)
class Dependent:
    """`kind` is "view", "routine", "event" or "trigger"."""

    kind: str
    name: TableName


def dependents(connection: Connection, table: TableName) -> list[Dependent]:
    """Everything on the server whose text names `table`."""
    found = []
    for kind, query in _TEXTS:
        schema_column = query.split()[1].rstrip(",")
        like = text_literal(f"%{_escaped(table.name)}%")
        text_column = query.split(" FROM ")[0].split(", ")[-1]
        rows = run(
            connection,
            f"{query} WHERE {schema_column} NOT IN {_SYSTEM} AND {text_column} LIKE {like}",
        ).rows
        for schema, name, text in rows:
            if names(str(text), table, str(schema)):
                found.append(Dependent(kind, TableName(str(schema), str(name))))
    return found


def names(text: str, table: TableName, schema: str) -> bool:
    """Whether `text`, which belongs to something in `schema`, holds the table's name as a word."""
    name, own = re.escape(table.name), re.escape(table.schema)
    quoted = rf"`{re.escape(table.name.replace('`', '``'))}`"
    word = rf"(?:{quoted}|(?<![\w$]){name}(?![\w$]))"
    qualified = rf"(?:`{own}`|(?<![\w$]){own})\s*\.\s*{word}"
    if re.search(qualified, text, re.I):
        return True
    if schema.lower() != table.schema.lower():
        return False
    # Not behind a dot: then it is a table of another schema, or a column.
    return re.search(rf"(?<!\.){word}", text, re.I) is not None


def grantees(connection: Connection, table: TableName) -> list[str]:
    """Who has privileges on this table itself, or on columns of it."""
    where = names_table(table)
    rows = run(
        connection,
        f"SELECT grantee FROM information_schema.table_privileges WHERE {where} UNION"
        f" SELECT grantee FROM information_schema.column_privileges WHERE {where} ORDER BY 1",
    ).rows
    return [str(row[0]) for row in rows]


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
