"""Parses a table map event: to which table the row images that follow belong.

The map gives a type number and its metadata for each column. The real type of CHAR, ENUM and
SET hides in the metadata of type STRING; it is resolved here, so that `ColumnType` always holds
the type in which the value is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.mysql.table import TableName

DECIMAL, TINY, SHORT, LONG, FLOAT, DOUBLE = 0, 1, 2, 3, 4, 5
LONGLONG, INT24, DATE, YEAR, VARCHAR, BIT = 8, 9, 10, 13, 15, 16
TIMESTAMP2, DATETIME2, TIME2, VECTOR, JSON, NEWDECIMAL = 17, 18, 19, 242, 245, 246
ENUM, SET, BLOB, VAR_STRING, STRING, GEOMETRY = 247, 248, 252, 253, 254, 255

_TWO_BYTES = frozenset({STRING, VAR_STRING, VARCHAR, NEWDECIMAL, BIT, ENUM, SET})
_ONE_BYTE = frozenset(
    {FLOAT, DOUBLE, BLOB, GEOMETRY, JSON, VECTOR, TIMESTAMP2, DATETIME2, TIME2}
    | {140}  # MariaDB's compressed BLOB
)
_NUMERIC = frozenset({TINY, SHORT, INT24, LONG, LONGLONG, NEWDECIMAL, FLOAT, DOUBLE, YEAR})
_SIGNEDNESS = 1  # the first of the optional metadata fields; MySQL always sends it


@dataclass(frozen=True)
class ColumnType:
    """How a column is stored in a row image.

    `length` and `scale` depend on the type: bytes at most (CHAR, VARCHAR), bytes of the value
    (ENUM, SET, BIT) or of its length prefix (BLOB and similar), precision and scale (DECIMAL),
    fraction digits (temporal).
    """

    number: int
    length: int = 0
    scale: int = 0
    unsigned: bool | None = None  # None: the server does not say


@dataclass(frozen=True)
class TableMap:
    name: TableName
    columns: tuple[ColumnType, ...]


def table_id(data: bytes, at: int) -> int:
    """The number that the rows events that follow use for the table."""
    return int.from_bytes(data[at : at + 6], "little")


def table_name(data: bytes, at: int) -> tuple[TableName, int]:
    """The table's name, and where the rest of the map begins."""
    schema, at = _short_string(data, at + 8)
    name, at = _short_string(data, at)
    return TableName(schema, name), at


def parse_table_map(data: bytes, at: int, end: int) -> TableMap:
    """The table map event whose body is `data[at:end]`."""
    name, at = table_name(data, at)
    count, at = packed_integer(data, at)
    types = data[at : at + count]
    size, at = packed_integer(data, at + count)
    columns = _with_metadata(types, data[at : at + size])
    at += size + (count + 7) // 8  # the bitmap of nullable columns
    return TableMap(name, _with_signs(columns, data[at:end]))


def _short_string(data: bytes, at: int) -> tuple[str, int]:
    length = data[at]
    return data[at + 1 : at + 1 + length].decode(), at + length + 2  # after a final zero


def packed_integer(data: bytes, at: int) -> tuple[int, int]:
    """A length-encoded integer, and where it ends."""
    first = data[at]
    if first < 251:
        return first, at + 1
    size = {252: 2, 253: 3, 254: 8}[first]
    return int.from_bytes(data[at + 1 : at + 1 + size], "little"), at + 1 + size


def _with_metadata(types: bytes, metadata: bytes) -> list[ColumnType]:
    columns, at = [], 0
    for number in types:
        size = 2 if number in _TWO_BYTES else 1 if number in _ONE_BYTE else 0
        columns.append(_column_type(number, metadata[at : at + size]))
        at += size
    return columns


def _column_type(number: int, meta: bytes) -> ColumnType:
    if number == STRING:
        return _string_type(meta[0], meta[1])
    if number in (VARCHAR, VAR_STRING):
        return ColumnType(VARCHAR, int.from_bytes(meta, "little"))
    if number == NEWDECIMAL:
        return ColumnType(number, meta[0], meta[1])
    if number == BIT:
        return ColumnType(number, meta[1] + (meta[0] > 0), meta[1] * 8 + meta[0])
    return ColumnType(number, meta[0] if meta else 0)


def _string_type(real: int, low: int) -> ColumnType:
    """The type hidden in STRING; a CHAR over 255 bytes keeps two bits of its length in it."""
    if real in (ENUM, SET):
        return ColumnType(real, low)
    if real & 0x30 != 0x30:
        return ColumnType(real | 0x30, low | ((real & 0x30) ^ 0x30) << 4)
    return ColumnType(real, low)


def _with_signs(columns: list[ColumnType], optional: bytes) -> tuple[ColumnType, ...]:
    if not optional or optional[0] != _SIGNEDNESS:
        return tuple(columns)
    _, at = packed_integer(optional, 1)
    bits, place, signed = optional[at:], 0, []
    for column in columns:
        unsigned = None
        if column.number in _NUMERIC:
            unsigned = bool(bits[place // 8] & (0x80 >> place % 8))
            place += 1
        signed.append(ColumnType(column.number, column.length, column.scale, unsigned))
    return tuple(signed)
