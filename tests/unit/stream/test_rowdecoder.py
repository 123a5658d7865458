"""The generated decoder, on bodies written here."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import FatalError
from pipeline.mysql.table import Column, Key, Table, TableName, ValueKind
from pipeline.stream import decode_tablemap as types
from pipeline.stream.decode_tablemap import ColumnType, TableMap, parse_table_map
from pipeline.stream.events import ChangeKind
from pipeline.stream.rowdecoder import RowDecoder
from tests.support.lines import rows_in

NAME = TableName("db", "t")
TABLE = Table(
    NAME,
    (
        Column("id", ValueKind.INTEGER, "int", "int", nullable=False),
        Column("name", ValueKind.TEXT, "varchar", "varchar(20)", nullable=True, charset="utf8mb4"),
        Column("made", ValueKind.INTEGER, "int", "int", nullable=True, generated=True),
        Column("n", ValueKind.INTEGER, "bigint", "bigint unsigned", nullable=True),
    ),
    Key("PRIMARY", ("id",)),
)
MAP = TableMap(
    NAME,
    (ColumnType(types.LONG), ColumnType(types.VARCHAR, 80), ColumnType(types.LONG),
     ColumnType(types.LONGLONG)),
)  # fmt: skip
WRITE, UPDATE, DELETE = 30, 31, 32
Row = tuple[int, bytes | None, int | None, int | None]


def image(row: Row) -> bytes:
    number, name, made, n = row
    nulls = sum(1 << place for place, value in enumerate(row) if value is None)
    data = bytes([nulls]) + struct.pack("<i", number)
    data += b"" if name is None else bytes([len(name)]) + name
    data += b"" if made is None else struct.pack("<i", made)
    return data + (b"" if n is None else struct.pack("<Q", n))


def body(kind: int, rows: bytes, present: int = 0b1111, extra: bytes = b"") -> bytes:
    head = struct.pack("<IHH", 7, 0, 1) + struct.pack("<H", 2 + len(extra)) + extra + b"\x04"
    return head + bytes([present]) * (2 if kind == UPDATE else 1) + rows


def decode(kind: int, data: bytes, at: int = 0):  # type: ignore[no-untyped-def]
    return RowDecoder(TABLE, MAP).decode(kind, data, at, len(data))


# What a line has to escape, and what looks like NULL.
texts = st.binary(max_size=80) | st.lists(st.sampled_from([b"\\", b"\t", b"\n", b"N"])).map(
    b"".join
)
rows = st.tuples(
    st.integers(-(2**31), 2**31 - 1), st.none() | texts.map(lambda text: text[:80]),
    st.none() | st.integers(-9, 9), st.none() | st.integers(0, 2**64 - 1),
)  # fmt: skip


def written(row: Row) -> tuple[bytes | None, ...]:
    return (b"%d" % row[0], row[1], None if row[3] is None else b"%d" % row[3])


@given(st.lists(rows, min_size=1, max_size=8), st.binary(max_size=3))
def test_rows_with_and_without_nulls_keep_their_places(given: list[Row], junk: bytes) -> None:
    data = junk + body(WRITE, b"".join(map(image, given)), extra=b"\x01\x02\x03")
    change = decode(WRITE, data, len(junk))
    assert (change.before, rows_in(change.after)) == ([], [written(row) for row in given])
    assert change.keys == [b"%d" % row[0] for row in given]
    change = decode(DELETE, body(DELETE, b"".join(map(image, given))))
    assert (change.before, change.keys, change.after) == ([b"%d" % row[0] for row in given], [], [])


@given(st.lists(st.tuples(rows, rows), min_size=1, max_size=8))
def test_before_and_after_run_in_parallel(given: list[tuple[Row, Row]]) -> None:
    change = decode(UPDATE, body(UPDATE, b"".join(image(b) + image(a) for b, a in given)))
    assert change.change is ChangeKind.UPDATE
    assert change.before == [b"%d" % before[0] for before, _ in given]
    assert change.keys == [b"%d" % after[0] for _, after in given]
    assert rows_in(change.after) == [written(after) for _, after in given]


@given(st.lists(rows, min_size=1, max_size=3), st.integers(1, 20))
def test_a_body_cut_short_is_an_error_and_never_a_shorter_row(given: list[Row], cut: int) -> None:
    images = b"".join(map(image, given))
    last = image(given[-1])
    data = body(WRITE, images)
    with pytest.raises(FatalError):
        decode(WRITE, data[: -min(cut, len(last) - 1)])


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_but_fatal_error(junk: bytes) -> None:
    with suppress(FatalError):
        decode(UPDATE, junk)


def test_an_image_without_a_written_column_is_refused() -> None:
    with pytest.raises(FatalError, match="binlog_row_image"):
        decode(WRITE, body(WRITE, b"\x00", present=0b0111))
    with pytest.raises(FatalError, match="binlog_row_image"):
        decode(UPDATE, body(WRITE, b"", present=0b1111) + b"\x01")


def test_an_absent_generated_column_is_ignored() -> None:
    """MariaDB leaves virtual columns out of the image."""
    data = body(WRITE, b"\x00" + struct.pack("<i", 5) + b"\x01a" + struct.pack("<Q", 9), 0b1011)
    assert decode(WRITE, data).after == [b"5\ta\t9"]


@pytest.mark.parametrize(
    "stored",
    [
        MAP.columns[:3],
        (ColumnType(types.LONGLONG), *MAP.columns[1:]),
        (*MAP.columns[:3], ColumnType(types.LONGLONG, unsigned=False)),
        (MAP.columns[0], ColumnType(types.BLOB, 2), *MAP.columns[2:]),
    ],
    ids=["fewer columns", "wider", "signed", "text"],
)
def test_a_table_changed_since_the_start_is_refused(stored: tuple[ColumnType, ...]) -> None:
    with pytest.raises(FatalError, match="when its migration began"):
        RowDecoder(TABLE, TableMap(NAME, stored))


def test_a_table_map_gives_real_types_and_signs() -> None:
    numbers = bytes([types.STRING, types.STRING, types.STRING, types.LONG, types.BIT])
    metadata = bytes([types.ENUM, 2, 0xFE ^ 0x10, 0x2C, 0xFE, 10, 3, 1])
    data = (
        b"\x01\0\0\0\0\0\0\0" + b"\x02db\0" + b"\x01t\0" + bytes([5]) + numbers
        + bytes([len(metadata)]) + metadata + b"\x1f" + b"\x01\x01\x80"
    )  # fmt: skip
    assert parse_table_map(data, 0, len(data)) == TableMap(
        NAME,
        (
            ColumnType(types.ENUM, 2), ColumnType(types.STRING, 300), ColumnType(types.STRING, 10),
            ColumnType(types.LONG, 0, 0, True), ColumnType(types.BIT, 2, 11),
        ),
    )  # fmt: skip
