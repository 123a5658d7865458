"""How each column is read from a row image: its width, and the Python source that turns its
raw value into a `Field`.

A column of fixed width has a `struct` code, so that neighbours are unpacked in one call;
all others have a length prefix. `expression` is Python source with `{}` for the raw value
(the unpacked number, or the bytes); `names` are the names that it uses. `form` is the conversion
by which `%` makes the Field of that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from pipeline.mysql.codecs import ESCAPED
from pipeline.mysql.table import Column, ValueKind
from pipeline.stream import decode_tablemap as types
from pipeline.stream.decode_decimal import decimal_size, decimal_text
from pipeline.stream.decode_tablemap import ColumnType
from pipeline.stream.decode_time import (
    DATES,
    datetime_text,
    fraction_bytes,
    fraction_divisor,
    time_text,
    timestamp_text,
)
from pipeline.stream.jsonbinary import exact_json_field, json_text


class ShapeError(ValueError):
    """A column in the binary log is not as the table's definition says."""


@dataclass(frozen=True)
class ColumnCode:
    """How to read one column: `struct_code` and `width`, or a length of `prefix` bytes first."""

    expression: str = "{}"
    struct_code: str = ""
    width: int = 0
    prefix: int = 0
    form: str = "%b"
    escaped: bool = False  # its Field may hold bytes that a line has to escape
    names: Mapping[str, object] = field(default_factory=dict)


_INTEGERS = {
    "tinyint": (types.TINY, "b", 1),
    "smallint": (types.SHORT, "h", 2),
    "mediumint": (types.INT24, "3s", 3),
    "int": (types.LONG, "i", 4),
    "bigint": (types.LONGLONG, "q", 8),
}


def column_code(column: Column, stored: ColumnType) -> ColumnCode:
    """The code for `column`, which is stored as the table map says.

    Raises:
        ShapeError: the two disagree.
    """
    if stored.unsigned is not None and column.kind in (ValueKind.INTEGER, ValueKind.DECIMAL):
        _expect(stored.unsigned == column.unsigned, column, "another signedness")
    return replace(_CODES[column.kind](column, stored), escaped=column.kind in ESCAPED)


def _expect(condition: bool, column: Column, found: object) -> None:
    if not condition:
        raise ShapeError(f"column {column.name} ({column.column_type}) is logged as {found}")


def _expect_type(column: Column, stored: ColumnType, *numbers: int) -> None:
    _expect(stored.number in numbers, column, f"type {stored.number}")


def _declared(column: Column) -> list[int]:
    """The numbers in the parentheses of the column's type: `decimal(10,2)` → [10, 2]."""
    match = re.match(r"\w+\(([\d,]+)\)", column.column_type)
    return [int(number) for number in match[1].split(",")] if match else []


def _integer(column: Column, stored: ColumnType) -> ColumnCode:
    number, code, width = _INTEGERS[column.data_type]
    _expect_type(column, stored, number)
    if column.unsigned:
        code = code.upper() if width != 3 else code
    zero = "0" if "zerofill" in column.column_type else ""
    digits = f"0{(_declared(column) or [1])[0]}" if zero else ""
    value = "{}"
    if width == 3:
        value = f"from_bytes({{}}, 'little', signed={not column.unsigned})"
    return ColumnCode(value, code, width, form=f"%{digits}d")


def _decimal(column: Column, stored: ColumnType) -> ColumnCode:
    _expect_type(column, stored, types.NEWDECIMAL)
    precision, scale = stored.length, stored.scale
    declared = [*(_declared(column) or [10]), 0][:2]
    _expect([precision, scale] == declared, column, f"decimal({precision},{scale})")
    size = decimal_size(precision, scale)
    text = decimal_text(precision, scale, "zerofill" in column.column_type)
    name = f"decimal_{precision}_{scale}_{'zerofill' in column.column_type}"
    return ColumnCode(f"{name}({{}})", f"{size}s", size, names={name: text})


def _real(column: Column, stored: ColumnType) -> ColumnCode:
    single = column.kind is ValueKind.FLOAT
    _expect_type(column, stored, types.FLOAT if single else types.DOUBLE)
    return ColumnCode("repr({}).encode()", "f" if single else "d", 4 if single else 8)


def _year(column: Column, stored: ColumnType) -> ColumnCode:
    _expect_type(column, stored, types.YEAR)
    return ColumnCode("YEARS[{}]", "B", 1, names={"YEARS": _YEARS})


_YEARS = [b"0000", *(b"%d" % (1900 + year) for year in range(1, 256))]


def _date(column: Column, stored: ColumnType) -> ColumnCode:
    _expect_type(column, stored, types.DATE, 14)
    return ColumnCode("DATES[from_bytes({}, 'little')]", "3s", 3, names={"DATES": DATES})


def _with_fraction(
    base_width: int, type_number: int, text: Callable[[int], bytes]
) -> Callable[[Column, ColumnType], ColumnCode]:
    """DATETIME and TIMESTAMP: a big-endian number, then the fraction."""

    def code(column: Column, stored: ColumnType) -> ColumnCode:
        digits = _digits(column, stored, type_number)
        size = base_width + fraction_bytes(digits)
        name = f"{text.__name__}_{digits}"
        function = _fraction_appender(text, digits) if digits else text
        return ColumnCode(
            f"{name}(from_bytes({{}}, 'big'))", f"{size}s", size, names={name: function}
        )

    return code


def _fraction_appender(text: Callable[[int], bytes], digits: int) -> Callable[[int], bytes]:
    shift, divisor = 8 * fraction_bytes(digits), fraction_divisor(digits)
    mask, form = (1 << shift) - 1, b"%%s.%%0%dd" % digits

    def with_fraction(number: int) -> bytes:
        return form % (text(number >> shift), (number & mask) // divisor)

    return with_fraction


def _time(column: Column, stored: ColumnType) -> ColumnCode:
    digits = _digits(column, stored, types.TIME2)
    size = 3 + fraction_bytes(digits)
    return ColumnCode(
        f"time_text(from_bytes({{}}, 'big'), {digits})", f"{size}s", size,
        names={"time_text": time_text},
    )  # fmt: skip


def _digits(column: Column, stored: ColumnType, number: int) -> int:
    _expect_type(column, stored, number)
    _expect(stored.length == column.fraction_digits, column, f"{stored.length} fraction digits")
    return stored.length


def _text(column: Column, stored: ColumnType) -> ColumnCode:
    if column.data_type in ("char", "varchar"):
        _expect_type(column, stored, types.STRING if column.data_type == "char" else types.VARCHAR)
        return ColumnCode(prefix=2 if stored.length > 255 else 1)
    _expect_type(column, stored, types.BLOB)
    return ColumnCode(prefix=stored.length)


def _binary(column: Column, stored: ColumnType) -> ColumnCode:
    if column.data_type == "varbinary":
        _expect_type(column, stored, types.VARCHAR)
        _expect([stored.length] == _declared(column), column, f"varbinary({stored.length})")
        return ColumnCode(prefix=2 if stored.length > 255 else 1)
    if column.data_type == "binary":
        _expect_type(column, stored, types.STRING)
        _expect([stored.length] == _declared(column), column, f"binary({stored.length})")
        # The log leaves trailing zero bytes out.
        return ColumnCode(f"{{}}.ljust({stored.length}, b'\\0')", prefix=1)
    _expect_type(column, stored, types.BLOB)
    return ColumnCode(prefix=stored.length)


def _bit(column: Column, stored: ColumnType) -> ColumnCode:
    _expect_type(column, stored, types.BIT)
    _expect([stored.scale] == (_declared(column) or [1]), column, f"bit({stored.scale})")
    return _number_of_bytes(stored.length, "big")


def _members(column: Column, stored: ColumnType) -> ColumnCode:
    _expect_type(column, stored, types.ENUM if column.kind is ValueKind.ENUM else types.SET)
    return _number_of_bytes(stored.length, "little")


def _number_of_bytes(width: int, order: str) -> ColumnCode:
    return ColumnCode(f"from_bytes({{}}, '{order}')", f"{width}s", width, form="%d")


def _json(column: Column, stored: ColumnType) -> ColumnCode:
    _expect_type(column, stored, types.JSON)
    if column.as_text:
        return ColumnCode("json_text({})", prefix=stored.length, names={"json_text": json_text})
    names = {"exact_json_field": exact_json_field}
    return ColumnCode("exact_json_field({})", prefix=stored.length, names=names)


def _as_stored(column: Column, stored: ColumnType) -> ColumnCode:
    _expect_type(column, stored, types.GEOMETRY, types.VECTOR)
    return ColumnCode(prefix=stored.length)


_CODES: dict[ValueKind, Callable[[Column, ColumnType], ColumnCode]] = {
    ValueKind.INTEGER: _integer,
    ValueKind.DECIMAL: _decimal,
    ValueKind.FLOAT: _real,
    ValueKind.DOUBLE: _real,
    ValueKind.YEAR: _year,
    ValueKind.DATE: _date,
    ValueKind.TIME: _time,
    ValueKind.DATETIME: _with_fraction(5, types.DATETIME2, datetime_text),
    ValueKind.TIMESTAMP: _with_fraction(4, types.TIMESTAMP2, timestamp_text),
    ValueKind.TEXT: _text,
    ValueKind.BINARY: _binary,
    ValueKind.BIT: _bit,
    ValueKind.ENUM: _members,
    ValueKind.SET: _members,
    ValueKind.JSON: _json,
    ValueKind.GEOMETRY: _as_stored,
    ValueKind.VECTOR: _as_stored,
}
