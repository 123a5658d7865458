"""Reads a table's definition from information_schema."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from pipeline.errors import RefusedError
from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import names_table
from pipeline.mysql.table import Column, Key, Table, TableName, ValueKind

_KINDS = {
    **dict.fromkeys(["tinyint", "smallint", "mediumint", "int", "bigint"], ValueKind.INTEGER),
    "decimal": ValueKind.DECIMAL,
    "float": ValueKind.FLOAT,
    "double": ValueKind.DOUBLE,
    "year": ValueKind.YEAR,
    "date": ValueKind.DATE,
    "time": ValueKind.TIME,
    "datetime": ValueKind.DATETIME,
    "timestamp": ValueKind.TIMESTAMP,
    **dict.fromkeys(
        ["char", "varchar", "tinytext", "text", "mediumtext", "longtext"], ValueKind.TEXT
    ),
    **dict.fromkeys(
        ["binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"], ValueKind.BINARY
    ),
    "bit": ValueKind.BIT,
    "enum": ValueKind.ENUM,
    "set": ValueKind.SET,
    "json": ValueKind.JSON,
    **dict.fromkeys(
        [
            "geometry", "point", "linestring", "polygon", "multipoint",
            "multilinestring", "multipolygon", "geomcollection", "geometrycollection",
        ],
        ValueKind.GEOMETRY,
    ),
    "vector": ValueKind.VECTOR,
}  # fmt: skip

# Kinds whose values can bound a chunk: ordered by the server as their literals are.
KEY_KINDS = frozenset(
    {
        ValueKind.INTEGER, ValueKind.DECIMAL, ValueKind.FLOAT, ValueKind.DOUBLE, ValueKind.YEAR,
        ValueKind.DATE, ValueKind.TIME, ValueKind.DATETIME, ValueKind.TIMESTAMP, ValueKind.TEXT,
        ValueKind.BINARY, ValueKind.BIT, ValueKind.ENUM, ValueKind.SET,
    }
)  # fmt: skip


@dataclass(frozen=True)
class KeyPart:
    """A column of a key, whole or its first `prefix` characters; or an expression."""

    column: str
    prefix: int | None
    expression: str | None


@dataclass(frozen=True)
class UniqueKey:
    """A unique key as it is, usable or not."""

    name: str
    parts: tuple[KeyPart, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(part.column for part in self.parts)


def read_table(connection: Connection, name: TableName) -> Table:
    """The definition of table `name`.

    Raises:
        RefusedError: there is no such table, it has no usable key, or a column's type
            is not known.
    """
    columns = read_columns(connection, name)
    if not columns:
        raise RefusedError(f"There is no table {name}.", "Check the names of schema and table.")
    return Table(name, columns, _choose_key(connection, name, columns))


def read_table_to_move(source: Connection, target: Connection, name: TableName) -> Table:
    """The definition of table `name` of the source, for a move to that target.

    Raises:
        RefusedError: as `read_table`.
    """
    return replace(
        read_table(source, name), between_flavours=is_mariadb(source) != is_mariadb(target)
    )


def read_columns(connection: Connection, name: TableName) -> tuple[Column, ...]:
    """The columns of table `name`; none where there is no such table.

    Raises:
        RefusedError: a column's type is not known.
    """
    rows = run(
        connection,
        "SELECT column_name, data_type, column_type, is_nullable, character_set_name,"
        " collation_name, extra, COALESCE(datetime_precision, 0)"
        f" FROM information_schema.columns WHERE {names_table(name)} ORDER BY ordinal_position",
    ).rows
    return tuple(_column(name, row) for row in rows)


def unfilled_columns(connection: Connection, name: TableName) -> list[Column]:
    """Columns that an INSERT has to name: NOT NULL, without default, not numbered or computed."""
    rows = run(
        connection,
        f"SELECT column_name FROM information_schema.columns WHERE {names_table(name)}"
        " AND is_nullable = 'NO' AND column_default IS NULL AND extra NOT LIKE '%auto_increment%'"
        " AND extra NOT LIKE '%GENERATED%'",
    ).rows
    unfilled = {str(row[0]) for row in rows}
    return [column for column in read_columns(connection, name) if column.name in unfilled]


def _column(table: TableName, row: tuple[Any, ...]) -> Column:
    name, data_type, column_type, nullable, charset, collation, extra, digits = row
    data_type, column_type = _decoded(data_type), _decoded(column_type)
    kind = _KINDS.get(data_type.lower())
    if kind is None:
        raise RefusedError(
            f"{table}: column {name} is of type {data_type}, which is not known.",
            "Convert it first, or leave the table where it is.",
        )
    if "COMPRESSED" in column_type:
        raise RefusedError(
            f"{table}: column {name} is COMPRESSED, which its server's binary log does not undo.",
            "Convert it to a column that is not, first.",
        )
    return Column(
        name=name,
        kind=kind,
        data_type=data_type.lower(),
        column_type=column_type,
        nullable=nullable == "YES",
        charset=charset,
        collation=collation,
        # "DEFAULT_GENERATED" is a default that is an expression, not a generated column.
        generated="VIRTUAL GENERATED" in extra or "STORED GENERATED" in extra,
        virtual="VIRTUAL GENERATED" in extra,
        fraction_digits=int(digits),
    )


def usable_keys(connection: Connection, name: TableName) -> list[Key]:
    """Every key that chunks can be bounded by, the primary key first."""
    by_name = {column.name: column for column in read_columns(connection, name)}
    return [
        Key(key.name, key.columns)
        for key in unique_keys(connection, name)
        if _unusable(key, by_name) is None
    ]


def _choose_key(connection: Connection, name: TableName, columns: tuple[Column, ...]) -> Key:
    by_name = {column.name: column for column in columns}
    reasons = []
    for key in unique_keys(connection, name):
        reason = _unusable(key, by_name)
        if reason is None:
            return Key(key.name, key.columns)
        reasons.append(f"{key.name}: {reason}")
    why = "; ".join(reasons) or "it has no unique key"
    raise RefusedError(
        f"{name} has no usable key ({why}).",
        "Add a PRIMARY KEY, or a UNIQUE KEY over NOT NULL columns.",
    )


def unique_keys(connection: Connection, name: TableName) -> list[UniqueKey]:
    """Every unique key, the primary key first."""
    expression = "NULL" if is_mariadb(connection) else "expression"
    rows = run(
        connection,
        f"SELECT index_name, COALESCE(column_name, ''), sub_part, {expression}"
        f" FROM information_schema.statistics WHERE {names_table(name)} AND non_unique = 0"
        " ORDER BY index_name <> 'PRIMARY', index_name, seq_in_index",
    ).rows
    found: dict[str, list[KeyPart]] = {}
    for index, column, prefix, formula in rows:
        found.setdefault(index, []).append(
            KeyPart(column, prefix, None if formula is None else _decoded(formula))
        )
    return [UniqueKey(index, tuple(parts)) for index, parts in found.items()]


def _unusable(key: UniqueKey, columns: dict[str, Column]) -> str | None:
    if any(part.prefix is not None or not part.column for part in key.parts):
        return "it covers only a prefix or an expression"
    for name in key.columns:
        column = columns[name]
        if column.nullable:
            return f"column {name} may be NULL"
        if column.kind not in KEY_KINDS:
            return f"column {name} is {column.data_type}, which can't bound a chunk"
        if column.generated:
            return f"column {name} is generated"
    return None


def _decoded(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
