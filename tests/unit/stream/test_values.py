"""Decimals, JSON and times: what the server prints, from what it stores."""

from __future__ import annotations

import json
import struct
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stream.decode_decimal import decimal_size, decimal_text
from pipeline.stream.decode_time import datetime_text, time_text, timestamp_text
from pipeline.stream.jsonbinary import double_text, json_text


def packed(number: Decimal, precision: int, scale: int) -> bytes:
    """The storage format, written the other way round than the decoder reads it."""
    whole, _, part = f"{abs(number):.{scale}f}".partition(".")
    whole = whole.rjust(precision - scale, "0") if precision > scale else ""
    sizes = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
    groups = [whole[: len(whole) % 9]]
    groups += [whole[at : at + 9] for at in range(len(whole) % 9, len(whole), 9)]
    groups += [part[at : at + 9] for at in range(0, len(part), 9)]
    data = bytearray(b"".join(int(g).to_bytes(sizes[len(g)], "big") for g in groups if g))
    if number < 0:
        data = bytearray(byte ^ 0xFF for byte in data)
    data[0] ^= 0x80
    return bytes(data)


@st.composite
def decimals(draw: st.DrawFn) -> tuple[Decimal, int, int]:
    precision = draw(st.integers(1, 65))
    scale = draw(st.integers(0, min(30, precision)))
    digits = draw(st.integers(-(10**precision) + 1, 10**precision - 1))
    with localcontext(prec=70):
        return Decimal(digits).scaleb(-scale), precision, scale


@given(decimals())
def test_no_digit_of_a_decimal_is_lost(case: tuple[Decimal, int, int]) -> None:
    number, precision, scale = case
    with localcontext(prec=70):
        data = packed(number, precision, scale)
        assert len(data) == decimal_size(precision, scale)
        assert decimal_text(precision, scale)(data) == f"{number:.{scale}f}".encode()


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, b"1.0"), (-0.0, b"-0.0"), (1e20, b"1e20"), (1e15, b"1e15"),
        (1e14, b"100000000000000.0"),
        (1.5e300, b"1.5e300"), (1e-14, b"0.00000000000001"), (1e-15, b"0.000000000000001"),
        (1e-16, b"1e-16"), (0.1, b"0.1"),
        (123456789012345.6, b"123456789012345.6"), (5e-324, b"5e-324"), (1e-7, b"0.0000001"),
    ],
)  # fmt: skip
def test_doubles_in_json_look_as_the_servers(number: float, text: bytes) -> None:
    assert double_text(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_in_json_keeps_its_bits(number: float) -> None:
    text = double_text(number)
    assert struct.pack("<d", float(text)) == struct.pack("<d", number)
    assert b"." in text or b"e" in text


def encoded(value: object, large: bool) -> tuple[int, bytes]:
    """Type and bytes of the binary form, with all containers large, or all small."""
    if value is None or isinstance(value, bool):
        return 4, bytes([{None: 0, True: 1, False: 2}[value]])
    if isinstance(value, int):
        if -(2**15) <= value < 2**15:
            return 5, struct.pack("<h", value)
        return (9, struct.pack("<q", value)) if value < 2**63 else (10, struct.pack("<Q", value))
    if isinstance(value, float):
        return 11, struct.pack("<d", value)
    if isinstance(value, str):
        text, length = value.encode(), b""
        size = len(text)
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        return 12, length + bytes([size]) + text
    return _container(value, large)


def _container(value: object, large: bool) -> tuple[int, bytes]:
    keys = [key.encode() for key in value] if isinstance(value, dict) else []
    items = list(value.values()) if isinstance(value, dict) else list(value)  # type: ignore[call-overload]
    size = "I" if large else "H"
    key_entry, entry = struct.Struct(f"<{size}H"), struct.Struct(f"<B{size}")
    at = 2 * struct.calcsize(size) + key_entry.size * len(keys) + entry.size * len(items)
    table, data = b"", b""
    for key in keys:
        table += key_entry.pack(at + len(data), len(key))
        data += key
    for item in items:
        kind, content = encoded(item, large)
        if kind in (4, 5):
            table += bytes([kind]) + content.ljust(entry.size - 1, b"\0")
        else:
            table += entry.pack(kind, at + len(data))
            data += content
    body = struct.pack(f"<2{size}", len(items), at + len(data)) + table + data
    return (0 if isinstance(value, dict) else 2) + large, body


documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=5)
    | st.dictionaries(st.text(max_size=9), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@given(documents, st.booleans())
def test_a_json_document_reads_back_as_it_was(document: object, large: bool) -> None:
    kind, data = encoded(document, large)
    assert json.loads(json_text(bytes([kind]) + data)) == document


def test_an_empty_json_value_is_null() -> None:
    assert json_text(b"") == b"null"


def test_json_strings_are_escaped_as_the_server_does() -> None:
    text = 'a"\\/\b\f\n\r\t\x01\x1f\x7fé'
    data = bytes([12, len(text.encode())]) + text.encode()
    assert json_text(data) == b'"a\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9"'


def test_a_timestamp_of_zero_is_no_date_in_1970() -> None:
    assert timestamp_text(0) == b"0000-00-00 00:00:00"
    assert timestamp_text(1) == b"1970-01-01 00:00:01"
    assert timestamp_text(2**32 - 1) == b"2106-02-07 06:28:15"


def test_a_negative_time_with_a_fraction_is_not_a_second_off() -> None:
    hundredths = (0x800000 << 8) - ((1 << 8) + 50)
    assert time_text(hundredths, 2) == b"-00:00:01.50"
    assert time_text(0x800000, 0) == b"00:00:00"
    assert time_text(0x800000 - (838 << 12 | 59 << 6 | 59), 0) == b"-838:59:59"


def test_a_zero_datetime_is_no_error() -> None:
    assert datetime_text(0x8000000000) == b"0000-00-00 00:00:00"
