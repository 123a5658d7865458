"""What a search of a log can't read still counts as written."""

from __future__ import annotations

import struct

import pytest

from pipeline.stream import decode_log as log
from pipeline.stream import log_search
from pipeline.stream.decode_log import RawEvent
from tests.unit.stream.test_rowdecoder import NAME, TABLE, body, image

GTID, TABLE_MAP, XID = 33, 19, 16
MAP = (
    struct.pack("<IHH", 7, 0, 1) + b"\x02db\0" + b"\x01t\0"
    + b"\x04\x03\x0f\x03\x08" + b"\x02\x50\0" + b"\x0f"
)  # fmt: skip


def found(kind: int, rows: bytes) -> log_search.LoggedTransaction:
    search = log_search._Search({NAME: TABLE}, False)
    events = ((GTID, bytes(42)), (TABLE_MAP, MAP), (kind, rows), (XID, bytes(8)))
    (one,) = [
        one
        for kind, data in events
        for one in search.feed(RawEvent(kind, 1, 1, data, 0, len(data)))
    ]
    return one


def test_rows_are_read() -> None:
    one = found(30, body(30, image((5, b"a", 1, 2))))
    assert [change.keys for change in one.rows] == [[b"5"]]
    assert not one.unread


@pytest.mark.parametrize("kind", [log.PARTIAL_UPDATE_ROWS, *sorted(log.MARIADB_COMPRESSED_ROWS)])
def test_partial_and_compressed_rows_are_never_passed_over(kind: int) -> None:
    one = found(kind, body(kind, b"whatever"))
    assert one.found
    assert one.unread == {NAME}
