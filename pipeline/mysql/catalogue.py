"""What information_schema knows about a table beyond its columns and keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.mysql.flavours import (
    collation_names,
    innodb_foreign,
    innodb_name,
    innodb_tables,
    is_mariadb,
)
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import names_table, text_literal
from pipeline.mysql.table import TableName

# CASCADE and SET NULL, on DELETE and on UPDATE, in InnoDB's flags of a foreign key.
_ACTIONS = 1 | 2 | 4 | 8


@dataclass(frozen=True)
class TableFacts:
    """`rows` and `bytes` (data and indexes) are the server's estimates."""

    kind: str  # "BASE TABLE", "VIEW"
    engine: str
    rows: int
    data_bytes: int
    bytes: int


@dataclass(frozen=True)
class ForeignKey:
    """Which table refers to which, both as `schema.table`."""

    name: str
    child: str
    parent: str
    acts: bool  # ON DELETE or ON UPDATE changes the child's rows


def table_facts(connection: Connection, name: TableName) -> TableFacts | None:
    """What the server says of a table; None where there is none."""
    # The server keeps these for a day unless told otherwise; a new table would show 0.
    if not is_mariadb(connection):
        run(connection, "SET SESSION information_schema_stats_expiry = 0")
    rows = run(
        connection,
        "SELECT table_type, COALESCE(engine, ''), COALESCE(table_rows, 0),"
        " COALESCE(data_length, 0), COALESCE(data_length + index_length, 0)"
        f" FROM information_schema.tables WHERE {names_table(name)}",
    ).rows
    if not rows:
        return None
    kind, engine, count, data_bytes, size = rows[0]
    return TableFacts(str(kind), str(engine), int(count), int(data_bytes), int(size))


def trigger_names(connection: Connection, name: TableName) -> list[str]:
    """Triggers on a table; the server hides them from users without the TRIGGER privilege."""
    where = names_table(name, "event_object_schema", "event_object_table")
    rows = run(
        connection,
        f"SELECT trigger_name FROM information_schema.triggers WHERE {where} ORDER BY 1",
    ).rows
    return [str(row[0]) for row in rows]


def triggers_of_schema(connection: Connection, schema: str) -> set[str]:
    """The names of all triggers in a schema, where each name is unique."""
    rows = run(
        connection,
        "SELECT trigger_name FROM information_schema.triggers"
        f" WHERE trigger_schema = {text_literal(schema)}",
    ).rows
    return {str(row[0]) for row in rows}


def taken_names(wanted: Iterable[str], there: Iterable[str]) -> list[str]:
    """Those of `wanted` that are taken; names of triggers are the same in any case."""
    taken = {name.casefold() for name in there}
    return sorted(name for name in set(wanted) if name.casefold() in taken)


def table_identity(connection: Connection, name: TableName) -> str | None:
    """What tells a table from a later one of its name; None if there is none. Needs PROCESS.

    InnoDB's number stays through a RENAME, and through every ALTER that does not rebuild the table.
    """
    innodb = innodb_name(connection, "name")
    whole = text_literal(str(name))
    rows = run(
        connection,
        f"SELECT MIN(table_id) FROM information_schema.{innodb_tables(connection)}"
        f" WHERE {innodb} = {whole} OR LEFT({innodb}, CHAR_LENGTH({whole}) + 3) IN"
        f" (CONCAT({whole}, '#p#'), CONCAT({whole}, '#P#'))",
    ).rows
    if rows[0][0] is not None:
        return f"InnoDB {rows[0][0]}"
    rows = run(
        connection,
        f"SELECT create_time FROM information_schema.tables WHERE {names_table(name)}",
    ).rows
    return f"created {rows[0][0]}" if rows else None


def foreign_keys(connection: Connection, name: TableName) -> list[ForeignKey]:
    """Foreign keys from and to a table, whatever the other schema. Needs PROCESS."""
    # From InnoDB's own dictionary, since key_column_usage hides the children that we have no
    # rights on.
    ours = text_literal(str(name))
    child, parent = (innodb_name(connection, column) for column in ("for_name", "ref_name"))
    rows = run(
        connection,
        f"SELECT SUBSTRING(id, LOCATE('/', id) + 1), {child} AS child, {parent} AS parent, type"
        f" FROM information_schema.{innodb_foreign(connection)}"
        f" HAVING child = {ours} OR parent = {ours} ORDER BY id",
    ).rows
    return [
        ForeignKey(str(key), str(child), str(parent), bool(int(flags) & _ACTIONS))
        for key, child, parent, flags in rows
    ]


def collations(connection: Connection) -> set[str]:
    """Every collation that the server knows."""
    rows = run(connection, collation_names(connection)).rows
    return {str(row[0]) for row in rows}
