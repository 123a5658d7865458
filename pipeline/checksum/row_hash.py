"""SQL for the bits of one row: of the SHA-256 of a text that holds all its columns.

MySQL takes the XOR of the hash's 64 hexadecimal digits as they are: texts of one length, in which
the bits of the hash are as independent as before. MariaDB's BIT_XOR takes numbers only. So there,
and between the two, it is the first 64 bits as a number, although making one of each row's digits
is a seventh of what a digest costs.

The text is not the line of the row copy (codecs.py): no LOAD DATA reads it, so nothing has to be
escaped, which was nearly half of what a digest cost. It is as unambiguous: first come the columns
that hold no tab, with a tab after each; then the lengths in bytes of all others but the last, in
the same way; then the bytes of these, one after the other, the last one being what is left. A NULL
has `\\N` in its place, or `N` for its length and no bytes; before all bytes stands whether the last
one is NULL, 1 or 0. It is CONCAT, since CONCAT_WS takes a tenth more of the whole digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipeline.mysql.codecs import (
    empty_literal,
    field_expression,
    portable_expression,
    reparsed_expression,
)
from pipeline.mysql.quoting import quote
from pipeline.mysql.table import Column, Table, ValueKind

_ANY_BYTES = frozenset({ValueKind.TEXT, ValueKind.BINARY, ValueKind.GEOMETRY, ValueKind.VECTOR})
_NULL = "_binary x'5c4e'"
_NO_LENGTH = "_binary 'N'"
_TAB = "_binary x'09'"
# A literal of binary gives way to a column of text: all would be converted to one character set, in
# which values that it does not know are equal. A CAST does not, and is made once for a statement.
_AS_STORED = "CAST('' AS BINARY)"


def row_bits(table: Table, *, is_source: bool, as_number: bool) -> str:
    """SQL that yields the bits of a row; of the source's if `is_source`."""
    digits = f"SHA2(CONCAT({', '.join((_AS_STORED, *_parts(table, is_source)))}), 256)"
    if as_number:
        return f"CAST(CONV(LEFT({digits}, 16), 16, 10) AS UNSIGNED)"
    return f"CAST({digits} AS BINARY)"


def bits_of(value: int | bytes) -> int:
    """What a server has answered for the bits of a row, or for the XOR of several."""
    return value if isinstance(value, int) else int.from_bytes(value)


def _parts(table: Table, is_source: bool) -> Iterator[str]:
    field = _field(table, is_source)
    any_bytes = [column for column in table.verified if _may_hold_a_tab(column, table)]
    for column in table.verified:
        if column not in any_bytes:
            yield from (_or(field(column), column, _NULL), _TAB)
    for column in any_bytes[:-1]:
        yield from (_or(_length(column, field), column, _NO_LENGTH), _TAB)
    for column in any_bytes[-1:]:  # also if it can't be NULL: after an alter it may, or no longer
        yield f"ISNULL({quote(column.name)})"
    for column in any_bytes:
        yield _bytes(column, field)


def _may_hold_a_tab(column: Column, table: Table) -> bool:
    # MySQL itself writes a document as text: a tab in it is \t, and none begins with \. On MariaDB
    # it is any text that is valid JSON, tabs between its parts included.
    return column.kind in _ANY_BYTES or (column.kind is ValueKind.JSON and table.between_flavours)


def _length(column: Column, field: Callable[[Column], str]) -> str:
    # What is stored has the length of its Field, except for a document.
    return f"LENGTH({field(column) if column.kind is ValueKind.JSON else quote(column.name)})"


def _bytes(column: Column, field: Callable[[Column], str]) -> str:
    """The column's bytes; none of a NULL.

    A text needs no CAST of its own, which would be an eighth of the digest: what is joined with
    `_AS_STORED` is as it is stored.
    """
    text = quote(column.name) if column.kind is ValueKind.TEXT else field(column)
    return _or(text, column, empty_literal(column))


def _field(table: Table, is_source: bool) -> Callable[[Column], str]:
    if table.between_flavours:
        return portable_expression
    return reparsed_expression if is_source else field_expression


def _or(expression: str, column: Column, null: str) -> str:
    return f"IFNULL({expression}, {null})" if column.nullable else expression
