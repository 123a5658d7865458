"""Prints MySQL's binary JSON as the server itself prints it (`CAST(j AS CHAR)`).

A document is a type byte and a value. Objects and arrays hold a table of entries with the
offset of each value, or the value itself where it fits; offsets count from the container's
own start and are two bytes wide in a small container, four in a large one. DECIMAL and the
temporal types travel as opaque values: a column type, a length and the type's packed form.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Callable

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


def json_text(data: bytes) -> bytes:
    """The document's text. No bytes at all stand for JSON null, as on the server."""
    return _value(data[0], data, 1) if data else b"null"


def _value(kind: int, data: bytes, at: int) -> bytes:
    if kind == _STRING:
        length, at = _length(data, at)
        return quoted(data[at : at + length])
    if kind <= _LARGE_ARRAY:
        return _container(kind, data, at)
    if kind == _LITERAL:
        return _LITERALS[data[at]]
    if kind == _DOUBLE:
        return double_text(struct.unpack_from("<d", data, at)[0])
    if kind == _OPAQUE:
        length, start = _length(data, at + 1)
        return _opaque(data[at], data[start : start + length])
    return b"%d" % _NUMBERS[kind].unpack_from(data, at)[0]


def _container(kind: int, data: bytes, start: int) -> bytes:
    large = kind in (_LARGE_OBJECT, _LARGE_ARRAY)
    width = 4 if large else 2
    count = int.from_bytes(data[start : start + width], "little")
    at = start + 2 * width
    if kind in (_SMALL_ARRAY, _LARGE_ARRAY):
        values = _values(data, start, at, count, large)
        return b"[" + b", ".join(values) + b"]"
    keys = _keys(data, start, at, count, width)
    values = _values(data, start, at + count * (width + 2), count, large)
    pairs = [key + b": " + value for key, value in zip(keys, values, strict=True)]
    return b"{" + b", ".join(pairs) + b"}"


def _keys(data: bytes, start: int, at: int, count: int, width: int) -> list[bytes]:
    keys = []
    for entry in range(at, at + count * (width + 2), width + 2):
        key = start + int.from_bytes(data[entry : entry + width], "little")
        length = int.from_bytes(data[entry + width : entry + width + 2], "little")
        keys.append(quoted(data[key : key + length]))
    return keys


def _values(data: bytes, start: int, at: int, count: int, large: bool) -> list[bytes]:
    width, inline = (4, _IN_LARGE) if large else (2, _IN_SMALL)
    values = []
    for entry in range(at, at + count * (width + 1), width + 1):
        kind, where = data[entry], entry + 1
        if kind not in inline:
            where = start + int.from_bytes(data[where : where + width], "little")
        values.append(_value(kind, data, where))
    return values


def _length(data: bytes, at: int) -> tuple[int, int]:
    """Seven bits a byte, the high bit says that more follow."""
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

    A number that looks like an integer gets ".0", so that it stays a double.
    """
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
    whole, _, part = mantissa.lstrip("-").partition(".")
    digits = whole + part
    point = len(whole) + int(exponent or 0)
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


def _opaque(kind: int, packed: bytes) -> bytes:
    if kind == _DECIMAL:
        return decimal_text(packed[0], packed[1])(packed[2:])
    printer = _TEMPORAL.get(kind)
    if printer is not None:
        return b'"' + printer(int.from_bytes(packed, "little", signed=True)) + b'"'
    return quoted(b"base64:type%d:%s" % (kind, _base64(packed)))


def _base64(data: bytes) -> bytes:
    """In lines, as the server's encoder writes it."""
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
