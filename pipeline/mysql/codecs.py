"""How a value of each kind is written, in SQL on the server and as a Field in Python.

One line of text carries a row: fields in the order of `Table.written`, separated by tabs,
NULL as \\N, and backslash, tab and newline escaped with a backslash. The source's server
writes such lines (row copy), the row decoder writes them (binlog), and the target reads
them with LOAD DATA in character set `binary`, which converts nothing: text arrives as the
bytes it was stored in, whatever its character set. The digest hashes the same Fields
(checksum/row_hash.py), so what is verified is what was moved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.mysql.documents import document_literal
from pipeline.mysql.keyrange import Bound
from pipeline.mysql.quoting import quote
from pipeline.mysql.table import Column, Field, Table, ValueKind

_AS_NUMBER = frozenset({ValueKind.BIT, ValueKind.ENUM, ValueKind.SET})
ESCAPED = frozenset(
    {ValueKind.TEXT, ValueKind.BINARY, ValueKind.JSON, ValueKind.GEOMETRY, ValueKind.VECTOR}
)
_TEMPORAL = frozenset({ValueKind.DATE, ValueKind.TIME, ValueKind.DATETIME, ValueKind.TIMESTAMP})
_NUMERIC = (
    frozenset(
        {ValueKind.INTEGER, ValueKind.DECIMAL, ValueKind.FLOAT, ValueKind.DOUBLE, ValueKind.YEAR}
    )
    | _AS_NUMBER
)
_AS_FIELDS = _NUMERIC - {ValueKind.FLOAT, ValueKind.DOUBLE}  # the Field is the literal
# As JSON_TYPE() calls them.
BINARY_SCALARS = ("BLOB", "BIT", "OPAQUE")
TYPED_SCALARS = ("DECIMAL", "DATE", "TIME", "DATETIME", *BINARY_SCALARS)
_LONGEST_LINE = 1 << 30
_LARGE_DOCUMENT = 4 << 20
_REAL_WIDTH = 400  # MariaDB writes small ones out: 0.0000…
_REAL = frozenset({ValueKind.FLOAT, ValueKind.DOUBLE})
# Least absolute value and factor, largest first: the scaled value fits a DECIMAL(65,30) with all
# its digits.
_DOUBLE_SCALES = ((1e34, None), (1e-13, 1e0), (1e-16, 2.0**50), (0e0, None))
_FLOAT_SCALES = ((1e34, 2.0**-50), (1e-13, 1e0), (1e-30, 2.0**100), (0e0, 2.0**150))
_SPECIAL = ((b"\\", b"\\\\"), (b"\t", b"\\t"), (b"\n", b"\\n"))
SPECIAL_BYTES = tuple(plain[0] for plain, _ in _SPECIAL)
NULL = b"\\N"


def field_expression(column: Column) -> str:
    """SQL that yields the column's Field (NULL stays NULL), not escaped."""
    name = quote(column.name)
    if column.kind in _AS_NUMBER:
        return f"CAST({name} AS UNSIGNED)"
    if column.kind in _REAL:
        # A FLOAT as text keeps 6 digits; as a DOUBLE it keeps its bits. It becomes CHAR, since a
        # DOUBLE that is sorted or grouped is cut at 22 characters.
        number = f"CAST({name} AS DOUBLE)" if column.kind is ValueKind.FLOAT else name
        return f"CAST(CAST({number} AS CHAR({_REAL_WIDTH})) AS BINARY)"
    if column.kind in (ValueKind.TEXT, ValueKind.JSON, ValueKind.GEOMETRY, ValueKind.VECTOR):
        return f"CAST({name} AS BINARY)"
    return name


def reparsed_expression(column: Column) -> str:
    """Like `field_expression`, for a document that has gone through the server's parser once more.

    That is what it becomes on a server that receives its text alone, which is accepted for
    columns that say so.
    """
    if not column.as_text:
        return field_expression(column)
    text = f"CAST({quote(column.name)} AS CHAR CHARACTER SET utf8mb4)"
    return f"CAST(CAST({text} AS JSON) AS BINARY)"


def typed_scalar_expression(column: Column, types: Sequence[str] = TYPED_SCALARS) -> str:
    """SQL that is 1 where a document holds a scalar of one of `types`, lost in its text.

    JSON_OBJECT('price', 1.50) holds a DECIMAL, which is read back from text as a DOUBLE; dates
    become strings. JSON_TABLE walks the document itself: what JSON_EXTRACT gathers for it first is
    half of the cost. Documents over 4 MiB are left out, since their parts are copied once for each
    level.
    """
    name = quote(column.name)
    quoted = ", ".join(f"'{kind}'" for kind in types)
    listed = f"IN ({quoted})"
    parts = (
        f"JSON_TABLE({name}, '$' COLUMNS (NESTED PATH '$**.*' COLUMNS (v JSON PATH '$'),"
        " NESTED PATH '$**[*]' COLUMNS (w JSON PATH '$'))) AS documents"
    )
    within = f"EXISTS (SELECT 1 FROM {parts} WHERE JSON_TYPE(v) {listed} OR JSON_TYPE(w) {listed})"
    found = f"(JSON_TYPE({name}) {listed} OR {within})"
    return f"IF(JSON_STORAGE_SIZE({name}) > {_LARGE_DOCUMENT}, 0, {found})"


def portable_expression(column: Column) -> str:
    """Like `field_expression`, but a text that MySQL and MariaDB agree on.

    They agree on the digits of a DOUBLE, but not on when to write an exponent. A DECIMAL has
    none. What does not fit in a DECIMAL is scaled by a power of two, which is exact; a DOUBLE
    outside even that range has an exponent on both.
    """
    if column.kind not in _REAL:
        return field_expression(column)
    name = quote(column.name)
    if column.kind is ValueKind.DOUBLE:
        return _scaled(name, _DOUBLE_SCALES)
    return _scaled(f"CAST({name} AS DOUBLE)", _FLOAT_SCALES)


def _scaled(name: str, scales: Sequence[tuple[float, float | None]]) -> str:
    """SQL for `name` times the factor of the first of `scales` whose lower limit it reaches.

    Without a factor, its text as it is.
    """
    cases = []
    for limit, factor in scales:
        text = f"CONCAT({name})"
        if factor is not None:
            text = f"CONCAT({factor!r}, 'x', CAST({name} * {factor!r} AS DECIMAL(65,30)))"
        cases.append(f"WHEN ABS({name}) >= {limit!r} THEN {text}")
    return f"CAST(CASE {' '.join(cases)} END AS BINARY)"


def line_expression(table: Table) -> str:
    """SQL that yields one row as one line, without its newline."""
    fields = []
    for column in table.written:
        part = _escaped_expression(field_expression(column), _special(column, table))
        fields.append(f"IFNULL({part}, _binary x'5c4e')" if column.nullable else part)
    # GROUP_CONCAT cuts each line at the length that its parts declare, and TINYINT(1), DOUBLE
    # (declared as 22 characters; -2.7061851431813275e-129 has 24) and REPLACE exceed what they
    # declare. An alternative that declares more than any line can have makes it a LONGBLOB.
    longest = f"CAST(NULL AS BINARY({_LONGEST_LINE}))"
    line = ", _binary x'09', ".join(fields)
    return f"COALESCE(CONCAT({line}), {longest})"


def _special(column: Column, table: Table) -> Sequence[tuple[bytes, bytes]]:
    """The bytes that LOAD DATA would misread and that the column's Field may hold."""
    if column.kind not in ESCAPED:
        return ()
    if column.kind is ValueKind.JSON and not table.between_flavours:
        return _SPECIAL[:1]  # MySQL itself writes a document as text, in which a tab is \t
    return _SPECIAL


def _escaped_expression(expression: str, special: Sequence[tuple[bytes, bytes]]) -> str:
    for plain, escaped in special:
        expression = f"REPLACE({expression}, _binary x'{plain.hex()}', _binary x'{escaped.hex()}')"
    return expression


def key_literals(table: Table) -> str:
    """SQL that yields the literals of a row's key: `bound_from_row` makes a Bound of them."""
    return ", ".join(literal_expression(column) for column in table.key_columns)


def literal_expression(column: Column) -> str:
    """SQL that yields, as text, the literal of the column's value. Key columns only."""
    name = quote(column.name)
    if column.kind in (ValueKind.TEXT, ValueKind.BINARY):
        return f"CONCAT('{_introducer(column)}', 'x\\'', HEX({name}), '\\'')"
    if column.kind in _TEMPORAL:
        return f"CONCAT('\\'', {name}, '\\'')"
    if column.kind in _REAL:
        text = field_expression(column)
        number = f"IF(LOCATE('e', {text}), {text}, CONCAT({text}, 'e0'))"
        # A FLOAT's text has fewer digits than the DOUBLE as which it is compared.
        return (
            f"CONCAT('CAST(', {number}, ' AS FLOAT)')" if column.kind is ValueKind.FLOAT else number
        )
    return f"CAST({field_expression(column)} AS CHAR)"


def fields_of(line: bytes) -> list[Field]:
    """The Fields of a line, or of a part of one, without its newline."""
    return [unescape(field) for field in line.split(b"\t")]


def escape(field: bytes) -> bytes:
    """Escape the three bytes that LOAD DATA would misread, and no others."""
    for plain, escaped in _SPECIAL:
        field = field.replace(plain, escaped)
    return field


def unescape(field: bytes) -> Field:
    """The inverse of `escape`, for one field of a line."""
    if field == NULL:
        return None
    if SPECIAL_BYTES[0] not in field:
        return field
    parts = field.split(b"\\\\")
    return b"\\".join(part.replace(b"\\t", b"\t").replace(b"\\n", b"\n") for part in parts)


def literal(column: Column, field: Field) -> bytes:
    """The SQL literal of a Field."""
    if field is None:
        return b"NULL"
    if column.kind in _REAL:
        number = field if b"e" in field else field + b"e0"  # else it is a DECIMAL, without -0
        return b"CAST(" + number + b" AS FLOAT)" if column.kind is ValueKind.FLOAT else number
    if column.kind in _NUMERIC:
        return field
    if column.kind in _TEMPORAL:
        return b"'" + field + b"'"
    if column.kind is ValueKind.JSON:
        return document_literal(field)
    return _introducer(column).encode() + b"x'" + field.hex().encode() + b"'"


def bound_maker(table: Table) -> Callable[[bytes], Bound]:
    """A function from a key, as its fields are in a line, to its literals."""
    columns = table.key_columns
    if _AS_FIELDS.issuperset(column.kind for column in columns):
        return lambda key: tuple(key.decode("ascii").split("\t"))

    def bound(key: bytes) -> Bound:
        pairs = zip(columns, fields_of(key), strict=True)
        return tuple(literal(column, part).decode("ascii") for column, part in pairs)

    return bound


def empty_literal(column: Column) -> str:
    """An empty string that needs no conversion where it stands for the column's value."""
    return f"{_introducer(column)}''"


def _introducer(column: Column) -> str:
    return f"_{column.charset} " if column.kind is ValueKind.TEXT else "_binary "


def load_columns(table: Table) -> str:
    """The column list and SET clause of LOAD DATA."""
    names, sets = [], []
    for number, column in enumerate(table.written):
        converted = _load_expression(column, f"@f{number}")
        names.append(f"@f{number}" if converted else quote(column.name))
        if converted:
            sets.append(f"{quote(column.name)} = {converted}")
    clause = f" SET {', '.join(sets)}" if sets else ""
    return f"({', '.join(names)}){clause}"


def _load_expression(column: Column, variable: str) -> str | None:
    if column.kind in _AS_NUMBER:
        return f"CAST({variable} AS UNSIGNED)"
    if column.kind is ValueKind.JSON:
        return f"CONVERT({variable} USING utf8mb4)"
    return None
