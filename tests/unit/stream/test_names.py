"""To which table rows belong, when the server logs its name in another case than it shows it."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from pipeline.mysql.table import TableName
from pipeline.stream import decode_log as log
from pipeline.stream.decode_log import RawEvent
from pipeline.stream.decode_transaction import TransactionDecoder
from pipeline.stream.events import Event, RowsChange
from tests.unit.stream.test_rowdecoder import NAME, TABLE, WRITE, body, image

STORED = TableName("Db", "T")


def map_body(name: TableName) -> bytes:
    names = b"".join(
        bytes([len(one)]) + one.encode() + b"\0" for one in (name.schema, name.name)
    )  # fmt: skip
    types, metadata = bytes([3, 15, 3, 8]), struct.pack("<H", 80)
    return struct.pack("<IHH", 7, 0, 1) + names + b"\x04" + types + b"\x02" + metadata + b"\x0e"


def events(decoder: TransactionDecoder) -> list[Event]:
    rows = body(WRITE, image((1, b"a", None, 2)))
    raw = ((log.GTID, bytes(42)), (log.TABLE_MAP, map_body(NAME)), (WRITE, rows))
    return [
        found
        for kind, data in raw
        for found in decoder.feed(RawEvent(kind, 1, 1, data, 0, len(data)))
    ]


@pytest.mark.parametrize("ignore_case", [True, False])
def test_rows_under_a_name_in_another_case_are_those_of_the_table_where_case_is_ignored(
    ignore_case: bool,
) -> None:
    decoder = TransactionDecoder({STORED: replace(TABLE, name=STORED)}, {}, ignore_case)
    changes = [one for one in events(decoder) if isinstance(one, RowsChange)]
    assert [change.table for change in changes] == [STORED] * ignore_case
