"""What a table is: its columns, its key, and the kind of value that each column holds.

A `Field` is the canonical form in which one value travels through Tranship, whoever has
read it: the source's formatter (row copy), the row decoder (binlog) or the digest.

    integers, DECIMAL, YEAR   ASCII digits, as the server prints them (b"-12", b"1.20")
    BIT, ENUM, SET            the number behind the value (b"5"), never the label
    FLOAT, DOUBLE             the shortest text of the double that holds the same bits
    DATE, TIME, DATETIME,     the server's text, with exactly the column's fraction
      TIMESTAMP                 digits; TIMESTAMP in UTC
    CHAR, VARCHAR, TEXT       the bytes as stored, in the column's own character set
    BINARY, BLOB, GEOMETRY,   the bytes as stored
      VECTOR
    JSON                      its text in UTF-8, preceded by the scalars that the text does
                                not keep, if there are any (documents.py)

NULL is None.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from pipeline.errors import RefusedError

Field = bytes | None


class ValueKind(StrEnum):
    """How a value is formatted, loaded and compared; each kind has one codec (codecs.py)."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    DOUBLE = "double"
    YEAR = "year"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    TIMESTAMP = "timestamp"
    TEXT = "text"
    BINARY = "binary"
    BIT = "bit"
    ENUM = "enum"
    SET = "set"
    JSON = "json"
    GEOMETRY = "geometry"
    VECTOR = "vector"


@dataclass(frozen=True)
class Column:
    """One column, as information_schema describes it."""

    name: str
    kind: ValueKind
    data_type: str  # "varchar"
    column_type: str  # "varchar(20)", "int unsigned"
    nullable: bool
    charset: str | None = None
    collation: str | None = None
    generated: bool = False
    virtual: bool = False  # generated, and computed whenever it is read
    as_text: bool = False  # JSON: it is accepted that a document is copied by its text alone
    fraction_digits: int = 0

    @property
    def unsigned(self) -> bool:
        return "unsigned" in self.column_type


@dataclass(frozen=True)
class Key:
    """A unique key whose columns are all NOT NULL, in index order."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class TableName:
    """A table's qualified name."""

    schema: str
    name: str

    @classmethod
    def parse(cls, text: str) -> TableName:
        """`schema.table`; only the first dot divides, a table's name may hold others.

        Raises:
            RefusedError: there is no schema, or no table.
        """
        schema, _, name = text.partition(".")
        if not schema or not name:
            raise RefusedError(f"'{text}' is not SCHEMA.TABLE.", "Name the schema too.")
        return cls(schema, name)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Table:
    """A table's definition, fixed for the length of a migration."""

    name: TableName
    columns: tuple[Column, ...]
    key: Key
    between_flavours: bool = False  # source and target write some values differently

    @property
    def written(self) -> tuple[Column, ...]:
        """The columns that a writer names: all but the generated ones."""
        return tuple(column for column in self.columns if not column.generated)

    @property
    def verified(self) -> tuple[Column, ...]:
        """The columns that are compared: all that a row stores, generated ones included.

        A generation expression may depend on the session that wrote the row (its time zone,
        say), so a stored value can differ although everything it is computed from is equal.
        Between flavours virtual columns are compared too: the two may compute differently.
        """
        return tuple(
            column for column in self.columns if not column.virtual or self.between_flavours
        )

    @property
    def may_warn_on_write(self) -> bool:
        """Whether a write may warn and still be right, so that only the verification can tell.

        The source may hold an ENUM's error value (index 0), or what a truncating generation
        expression yields: a lenient session wrote it. A strict session could not write it.
        """
        return any(column.generated or column.kind is ValueKind.ENUM for column in self.columns)

    @property
    def exact_documents(self) -> tuple[Column, ...]:
        """JSON columns whose documents keep what their text can't say: DECIMALs, dates."""
        return tuple(
            column
            for column in self.written
            if column.kind is ValueKind.JSON and not column.as_text
        )

    def documents_as_text(self) -> Table:
        """This table, with documents copied by their text alone."""
        columns = (
            replace(column, as_text=True) if column.kind is ValueKind.JSON else column
            for column in self.columns
        )
        return replace(self, columns=tuple(columns))

    @property
    def key_columns(self) -> tuple[Column, ...]:
        by_name = {column.name: column for column in self.columns}
        return tuple(by_name[name] for name in self.key.columns)
