"""Prints MySQL's binary JSON as the server itself prints it (`CAST(j AS CHAR)`).

A document is a type byte and a value. Objects and arrays hold a table of entries with the
offset of each value, or the value itself if it fits; offsets count from the container's own
start and are two bytes wide in a small container, four in a large one. DECIMALs and temporal
values travel as opaque values: a column type, a length and the type's packed form.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import add

from pipeline.mysql.documents import ROOT, TypedScalar, decimal_type, element, member, typed_field
from pipeline.stream.decode_decimal import decimal_text

_SMALL_OBJECT, _LARGE_OBJECT, _SMALL_ARRAY, _LARGE_ARRAY = 0, 1, 2, 3
_LITERAL, _INT16, _UINT16, _INT32, _UINT32 = 4, 5, 6, 7, 8
_DOUBLE, _STRING, _OPAQUE = 11, 12, 15
_LITERALS = {0: b"null", 1: b"true", 2: b"false"}
_NUMBERS = {
    _INT16: struct.Struct("<h"), _UINT16: struct.Struct("<H"),
    _INT32: struct.Struct("<i"), _UINT32: struct.Struct("<I"),
    9: struct.Struct("<q"), 10: struct.Struct("<Q"),
}  # fmt: skip
# Offset and length of a key; type of a value, and its offset or itself.
_SMALL_KEY, _LARGE_KEY = struct.Struct("<HH"), struct.Struct("<IH")
_SMALL_VALUE, _LARGE_VALUE = struct.Struct("<BH"), struct.Struct("<BI")
_IN_SMALL = frozenset({_LITERAL, _INT16, _UINT16})
_IN_LARGE = _IN_SMALL | {_INT32, _UINT32}

_ESCAPES = {
    **{byte: b"\\u%04x" % byte for byte in range(32)},
    0x22: b'\\"', 0x5C: b"\\\\", 8: b"\\b", 9: b"\\t", 10: b"\\n", 12: b"\\f", 13: b"\\r",
}  # fmt: skip
_SPECIAL = re.compile(rb'[\x00-\x1f"\\]')
_DECIMAL, _DATE, _TIME, _DATETIMES = 246, 10, 11, (7, 12)
_MOST_DIGITS_AS_FIXED = 15
_BASE64_LINE = 76
_SQL_TYPES = {10: "DATE", 11: "TIME(6)", 7: "DATETIME(6)", 12: "DATETIME(6)"}
_REMEMBERED_KEYS = 10_000


def json_text(data: bytes) -> bytes:
    """The document's text. No bytes at all mean JSON null, as on the server."""
    return _value(data[0], data, 1) if data else b"null"


class BinaryScalarError(Exception):
    """A document holds a binary value, which only its own server could build again."""


def exact_json_field(data: bytes) -> bytes:
    """The Field of a document: its text, preceded by the scalars that the text does not keep.

    Raises:
        BinaryScalarError: it holds binary.
    """
    text = json_text(data)
    if _OPAQUE not in data:  # where it is, it may be the type of a value, or chance
        return text
    return typed_field(text, list(_typed_scalars(data[0], data, 1, ROOT)))


def _typed_scalars(kind: int, data: bytes, at: int, path: str) -> Iterator[TypedScalar]:
    if kind == _OPAQUE:
        yield _typed_scalar(data, at, path)
        return
    if kind > _LARGE_ARRAY:
        return
    large = kind in (_LARGE_OBJECT, _LARGE_ARRAY)
    count, entries = _count(data, at, large)
    names: list[str] = []
    if kind <= _LARGE_OBJECT:
        keys, entries = _keys(data, at, entries, count, large)
        names = [key.decode() for key in keys]
    entry = _LARGE_VALUE if large else _SMALL_VALUE
    found = entry.iter_unpack(data[entries : entries + count * entry.size])
    for number, (inner, offset) in enumerate(found):
        if inner == _OPAQUE or inner <= _LARGE_ARRAY:
            place = member(path, names[number]) if names else element(path, number)
            yield from _typed_scalars(inner, data, at + offset, place)


def _typed_scalar(data: bytes, at: int, path: str) -> TypedScalar:
    kind = data[at]
    length, start = _length(data, at + 1)
    packed = data[start : start + length]
    if kind == _DECIMAL:
        text = _opaque(kind, packed).decode()
        return TypedScalar(path, decimal_type(text), text)
    if kind not in _SQL_TYPES:
        raise BinaryScalarError
    return TypedScalar(path, _SQL_TYPES[kind], _opaque(kind, packed).decode().strip('"'))


def _value(kind: int, data: bytes, at: int) -> bytes:
    if kind == _STRING:
        length, at = _length(data, at)
        return quoted(data[at : at + length])
    if kind <= _LARGE_ARRAY:
        container = _object if kind <= _LARGE_OBJECT else _array
        return container(data, at, kind in (_LARGE_OBJECT, _LARGE_ARRAY))
    if kind == _LITERAL:
        return _LITERALS[data[at]]
    if kind == _DOUBLE:
        return double_text(struct.unpack_from("<d", data, at)[0])
    if kind == _OPAQUE:
        length, start = _length(data, at + 1)
        return _opaque(data[at], data[start : start + length])
    return b"%d" % _NUMBERS[kind].unpack_from(data, at)[0]


def _object(data: bytes, start: int, large: bool) -> bytes:
    """Count, size, then (offset, length) of each key, then (type, offset or value)."""
    count, at = _count(data, start, large)
    keys, at = _keys(data, start, at, count, large)
    printed = map(_PRINTED_KEYS.__getitem__, keys)
    return b"{" + b", ".join(map(add, printed, _values(data, start, at, count, large))) + b"}"


def _keys(data: bytes, start: int, at: int, count: int, large: bool) -> tuple[list[bytes], int]:
    """The keys whose table is at `at`, and where that ends."""
    entry = _LARGE_KEY if large else _SMALL_KEY
    end = at + count * entry.size
    places = entry.iter_unpack(data[at:end])
    return [data[start + offset : start + offset + length] for offset, length in places], end


def _array(data: bytes, start: int, large: bool) -> bytes:
    count, at = _count(data, start, large)
    return b"[" + b", ".join(_values(data, start, at, count, large)) + b"]"


def _count(data: bytes, start: int, large: bool) -> tuple[int, int]:
    """The number of elements, and where their table begins: after the size in bytes."""
    if large:
        return int.from_bytes(data[start : start + 4], "little"), start + 8
    return data[start] | data[start + 1] << 8, start + 4


def _values(data: bytes, start: int, at: int, count: int, large: bool) -> list[bytes]:
    entry, inline = (_LARGE_VALUE, _IN_LARGE) if large else (_SMALL_VALUE, _IN_SMALL)
    values = []
    for kind, word in entry.iter_unpack(data[at : at + count * entry.size]):
        if kind == _STRING and data[start + word] < 0x80:  # the usual ones, without a call
            text = start + word + 1
            values.append(quoted(data[text : text + data[text - 1]]))
        elif kind == _INT16:
            values.append(b"%d" % (((word & 0xFFFF) ^ 0x8000) - 0x8000))
        else:
            values.append(_value(kind, data, at + 1 if kind in inline else start + word))
        at += entry.size
    return values


class _PrintedKeys(dict[bytes, bytes]):
    """A cache of keys as they are printed. The same few come back in every row."""

    def __missing__(self, key: bytes) -> bytes:
        if len(self) >= _REMEMBERED_KEYS:
            self.clear()
        text = self[key] = quoted(key) + b": "
        return text


_PRINTED_KEYS = _PrintedKeys()


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A length of seven bits in each byte, whose high bit says that more follow; and its end."""
    length = shift = 0
    while True:
        byte = data[at]
        at += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return length, at
        shift += 7


def quoted(text: bytes) -> bytes:
    if _SPECIAL.search(text):
        text = _SPECIAL.sub(lambda found: _ESCAPES[found[0][0]], text)
    return b'"' + text + b'"'


def double_text(number: float) -> bytes:
    """The shortest digits that give the same double, laid out as my_gcvt() does.

    A number that looks like an integer gets ".0", so that it remains a double.
    """
    if 1e-4 < abs(number) < 1e15:
        return repr(number).encode()  # which lays it out in the same way
    sign, digits, point = _shortest(number)
    if point > -_MOST_DIGITS_AS_FIXED and (point <= _MOST_DIGITS_AS_FIXED or len(digits) > point):
        text = _fixed(digits, point)
    else:
        tail = "." + digits[1:] if len(digits) > 1 else ""
        text = f"{digits[0]}{tail}e{point - 1}"
    return (sign + text).encode()


def _shortest(number: float) -> tuple[str, str, int]:
    """Sign, digits, and how many of them stand before the decimal point."""
    mantissa, _, exponent = repr(number).partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    integer, _, fraction = mantissa.lstrip("-").partition(".")
    digits = integer + fraction
    point = len(integer) + int(exponent or 0)
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    stripped = stripped.rstrip("0")
    return (sign, stripped, point) if stripped else (sign, "0", 1)


def _fixed(digits: str, point: int) -> str:
    if point <= 0:
        return "0." + "0" * -point + digits
    if point >= len(digits):
        return digits + "0" * (point - len(digits)) + ".0"
    return f"{digits[:point]}.{digits[point:]}"


_decimal_text = lru_cache(maxsize=64)(decimal_text)


def _opaque(kind: int, packed: bytes) -> bytes:
    if kind == _DECIMAL:
        return _decimal_text(packed[0], packed[1])(packed[2:])
    printer = _TEMPORAL.get(kind)
    if printer is not None:
        return b'"' + printer(int.from_bytes(packed, "little", signed=True)) + b'"'
    return quoted(b"base64:type%d:%s" % (kind, _base64(packed)))


def _base64(data: bytes) -> bytes:
    """Base64 in lines, as the server's encoder writes it."""
    text = base64.b64encode(data)
    lines = range(0, len(text), _BASE64_LINE)
    return b"\n".join(text[start : start + _BASE64_LINE] for start in lines)


def _date_text(number: int) -> bytes:
    return _datetime_text(number)[:10]


def _datetime_text(number: int) -> bytes:
    """Year * 13 + month, 5 bits of day, 17 of time, 24 of microseconds."""
    day = number >> 41
    year, month = divmod(day >> 5, 13)
    return b"%04d-%02d-%02d %s" % (year, month, day & 31, _clock(number & (1 << 41) - 1))


def _time_text(number: int) -> bytes:
    return (b"-" if number < 0 else b"") + _clock(abs(number))


def _clock(number: int) -> bytes:
    time, micro = number >> 24, number & 0xFFFFFF
    return b"%02d:%02d:%02d.%06d" % (time >> 12, time >> 6 & 63, time & 63, micro)


_TEMPORAL: dict[int, Callable[[int], bytes]] = {
    _DATE: _date_text,
    _TIME: _time_text,
    **dict.fromkeys(_DATETIMES, _datetime_text),
}
