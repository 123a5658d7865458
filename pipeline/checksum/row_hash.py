"""SQL for the bits of one row: of the SHA-256 of a text that holds all its columns.

MySQL takes the XOR of the hash's 64 hexadecimal digits as they are: texts of one length, in which
the bits of the hash are as independent as before. MariaDB's BIT_XOR takes numbers only. So there,
and between the two, it is the first 64 bits as a number, although making one of each row's digits
is a seventh of what a digest costs.

The text is not the line of the row copy (codecs.py): no LOAD DATA reads it, so nothing has to be
escaped, which was nearly half of what a digest cost. It is as unambiguous: tabs part the fields,
and what may hold a tab follows its own length in bytes. A NULL has `\\N` in its place, or `N` for
its length and an empty field. It is CONCAT, since CONCAT_WS takes a tenth more of the whole digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipeline.mysql.codecs import field_expression, portable_expression, reparsed_expression
from pipeline.mysql.quoting import quote
from pipeline.mysql.table import Column, Table, ValueKind

_ANY_BYTES = frozenset({ValueKind.TEXT, ValueKind.BINARY, ValueKind.GEOMETRY, ValueKind.VECTOR})
_NULL = "_binary x'5c4e'"
_NO_LENGTH = "_binary 'N'"
_NOTHING = "_binary ''"
_TAB = "_binary x'09'"


def row_bits(table: Table, *, is_source: bool, as_number: bool) -> str:
    """SQL that yields the bits of a row; of the source's if `is_source`."""
    text = f", {_TAB}, ".join(_fields(table, is_source))
    digits = f"SHA2(CONCAT({text}), 256)"
    if as_number:
        return f"CAST(CONV(LEFT({digits}, 16), 16, 10) AS UNSIGNED)"
    return f"CAST({digits} AS BINARY)"


def bits_of(value: int | bytes) -> int:
    """What a server has answered for the bits of a row, or for the XOR of several."""
    return value if isinstance(value, int) else int.from_bytes(value)


def _fields(table: Table, is_source: bool) -> Iterator[str]:
    field = _field(table, is_source)
    for column in table.verified:
        if column.kind in _ANY_BYTES:
            yield _or(f"LENGTH({quote(column.name)})", column, _NO_LENGTH)
            yield _or(field(column), column, _NOTHING)
        elif column.kind is ValueKind.JSON and table.between_flavours:
            # On MariaDB it is any text that is valid JSON, tabs between its parts included.
            yield _or(f"LENGTH({field(column)})", column, _NO_LENGTH)
            yield _or(field(column), column, _NOTHING)
        else:  # MySQL itself writes a document as text: a tab in it is \t, and none begins with \
            yield _or(field(column), column, _NULL)


def _field(table: Table, is_source: bool) -> Callable[[Column], str]:
    if table.between_flavours:
        return portable_expression
    return reparsed_expression if is_source else field_expression


def _or(expression: str, column: Column, null: str) -> str:
    return f"IFNULL({expression}, {null})" if column.nullable else expression
