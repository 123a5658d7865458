"""Events that nobody told us about must stop the stream."""

from __future__ import annotations

import pytest

from pipeline.errors import FatalError
from pipeline.mysql.table import Table, TableName
from pipeline.stream.decode_log import RawEvent
from pipeline.stream.decode_transaction import TransactionDecoder
from pipeline.stream.events import Event
from pipeline.stream.reader import BinlogReader
from tests.unit.stream.test_rowdecoder import NAME, TABLE, WRITE, body

GTID, QUERY, XID = 33, 2, 16
WITHOUT_ROWS = {3, 4, 5, 9, 11, 13, 14, 15, 17, 29, 35, 36, 37, 160, 161, 163}
HEARTBEATS = {27, 41}
TAKEN_APART = {2, 16, 18, 19, 23, 24, 25, 30, 31, 32, 33, 38, 39, 40, 162}


def decoder() -> TransactionDecoder:
    return TransactionDecoder({NAME: TABLE}, {})


def feed(target: TransactionDecoder, kind: int, data: bytes = b"") -> list[Event]:
    return list(target.feed(RawEvent(kind, 1, 1, data, 0, len(data))))


@pytest.mark.parametrize("kind", sorted(set(range(256)) - WITHOUT_ROWS - HEARTBEATS - TAKEN_APART))
def test_an_event_of_an_unknown_type_is_never_skipped(kind: int) -> None:
    with pytest.raises(FatalError):
        feed(decoder(), kind)


@pytest.mark.parametrize("kind", sorted(WITHOUT_ROWS))
def test_an_event_that_holds_no_rows_is_no_trouble(kind: int) -> None:
    assert feed(decoder(), kind, bytes(60)) == []


def test_rows_without_a_table_map_are_never_skipped() -> None:
    with pytest.raises(FatalError, match="names no table"):
        feed(decoder(), WRITE, body(WRITE, b""))


def test_an_end_without_a_gtid_is_refused() -> None:
    with pytest.raises(FatalError, match="without a GTID"):
        feed(decoder(), XID, bytes(8))


def test_a_transaction_that_another_follows_before_its_end_is_refused() -> None:
    target = decoder()
    feed(target, GTID, bytes(42))
    with pytest.raises(FatalError, match="no end"):
        feed(target, GTID, bytes(42))


def test_a_tag_is_refused_in_the_log_and_in_the_position() -> None:
    with pytest.raises(FatalError, match="tag"):
        feed(decoder(), 42)
    position = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa:1-5:orders:1"
    tables: dict[TableName, Table] = {NAME: TABLE}
    with pytest.raises(FatalError, match="tags"):
        list(BinlogReader(lambda **_: None, 1, tables, {}, position, (), 1.0))  # type: ignore[arg-type, return-value]
