"""What a search of a log can't read still counts as written."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import pytest

from pipeline.errors import FatalError
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.indexes import DeferredIndex, add_indexes_statement
from pipeline.mysql.table import TableName
from pipeline.stream import decode_log as log
from pipeline.stream import log_search
from pipeline.stream.decode_log import RawEvent
from pipeline.stream.decode_transaction import WITHOUT_ROWS
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


def compressed(sql: bytes) -> bytes:
    """A statement in schema `db`, as MariaDB logs a long one under log_bin_compress."""
    head = struct.pack("<IIBHH", 12, 0, 2, 0, 0)
    packed = bytes([0x82]) + len(sql).to_bytes(2, "big") + zlib.compress(sql)
    return head + b"db\0" + packed


def test_a_compressed_statement_is_read() -> None:
    search = log_search._Search({NAME: TABLE}, False)
    data = compressed(b"TRUNCATE TABLE t /* " + b"x" * 300 + b" */")
    (one,) = search.feed(RawEvent(165, 1, 1, data, 0, len(data)))
    assert one.connection == 12
    assert [name for name, _ in one.statements] == [NAME]


@pytest.mark.parametrize("head", [b"\x92\0\x09", b"\x82\0\x09"])
def test_a_statement_that_can_not_be_unpacked_is_never_passed_over(head: bytes) -> None:
    search = log_search._Search({NAME: TABLE}, False)
    data = struct.pack("<IIBHH", 12, 0, 2, 0, 0) + b"db\0" + head + b"whatever"
    with pytest.raises(ValueError, match="compressed"):  # LogReader makes it one of ours
        list(search.feed(RawEvent(165, 1, 1, data, 0, len(data))))


def named(sql: str) -> list[TableName]:
    """The tables that a statement in schema `db` is said to have written."""
    search = log_search._Search({NAME: TABLE}, False)
    data = struct.pack("<IIBHH", 12, 0, 2, 0, 0) + b"db\0" + sql.encode()
    (one,) = search.feed(RawEvent(2, 1, 1, data, 0, len(data)))
    return [name for name, _ in one.statements]


@pytest.mark.parametrize(
    "change",
    [
        "TRUNCATE PARTITION p0", "EXCHANGE PARTITION p0 WITH TABLE other", "IMPORT TABLESPACE",
        "MODIFY a CHAR(1)", "ADD KEY (a), DROP COLUMN b", "ADD UNIQUE KEY (a)",
    ],
)  # fmt: skip
def test_an_alter_after_which_other_rows_may_be_there_counts_as_written(change: str) -> None:
    assert named(f"ALTER TABLE t {change}") == [NAME]
    assert named(f"ALTER TABLE other {change.replace('TABLE other', 'TABLE t')}") == (
        [NAME] if "EXCHANGE" in change else []
    )


def test_the_alters_of_a_migration_do_not_count_as_written() -> None:
    clauses = ("KEY `drop` (`a`,(convert(`b` using utf8mb4)))", "FULLTEXT KEY `f` (`a`)")
    indexes = [DeferredIndex("i", clause) for clause in clauses]
    assert named(add_indexes_statement(NAME, indexes)) == []
    assert named("ALTER TABLE `db`.`t` AUTO_INCREMENT = 7") == []


READ = {2, 16, 18, 19, 23, 24, 25, 30, 31, 32, 33, 38, 39, 40, 162, 165, *range(166, 172)}


@pytest.mark.parametrize("kind", sorted(set(range(256)) - READ - WITHOUT_ROWS - {27, 41}))
def test_an_event_that_may_hold_changes_is_never_passed_over(kind: int) -> None:
    search = log_search._Search({NAME: TABLE}, False)
    what = "a GTID with a tag" if kind == log.GTID_TAGGED else f"type {kind}"
    with pytest.raises(FatalError, match=what):
        list(search.feed(RawEvent(kind, 1, 1, b"", 0, 0)))


class Slow(log_search.LogSearch):
    """A server that takes its time to find the first transaction, and is quiet until then."""

    def _reader(self) -> Any:
        quiet = log_search.LoggedTransaction("")
        first, second = (log_search.LoggedTransaction(f"{UUID}:{number}") for number in (1, 2))
        return Closable([quiet, quiet, first, quiet, second])


class Closable(list[Any]):
    def close(self) -> None:
        return


UUID = "11111111-1111-1111-1111-111111111111"


def test_a_search_gets_on_however_long_the_server_looks_for_its_beginning() -> None:
    """Or it begins anew each time, and the cut-over that waits for it never comes."""
    search = Slow(lambda **_: None, 1, {}, GtidSet())  # type: ignore[arg-type, return-value]
    list(search.until(GtidSet.parse(f"{UUID}:1-2"), limit_s=-1))
    assert str(search.seen) == f"{UUID}:1"
