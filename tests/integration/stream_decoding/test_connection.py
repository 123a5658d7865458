"""How a stream begins and ends: positions, heartbeats, lost connections, purged logs."""

from __future__ import annotations

import threading
import time
from typing import Any

import pymysql
import pytest

from pipeline.errors import FatalError, RetryableError
from pipeline.mysql.table import Table
from pipeline.stream.events import Event, Heartbeat, RowsChange
from tests.integration.stream_decoding.source import SourceServer, changes


@pytest.fixture
def table(source: SourceServer) -> Table:
    source.run("CREATE TABLE t (id int PRIMARY KEY, v varchar(20))")
    return source.table("t")


def dump_thread(source: SourceServer) -> int:
    for _ in range(200):
        found = source.run(
            "SELECT id FROM information_schema.processlist WHERE command = 'Binlog Dump GTID'"
        )
        if found:
            return int(found[-1][0])
        time.sleep(0.02)
    raise AssertionError("no dump thread")


def test_a_lost_connection_never_replays_what_was_read(source: SourceServer, table: Table) -> None:
    reader = source.reader(source.executed(), table)
    source.run("INSERT INTO t VALUES (1, 'a')")
    found: list[Event] = []

    def read_and_kill() -> None:
        for event in reader:
            found.append(event)
            if len(found) == 3:
                source.run(f"KILL {dump_thread(source)}")

    with pytest.raises(RetryableError):
        read_and_kill()
    assert len([event for event in found if isinstance(event, RowsChange)]) == 1


def test_close_wakes_a_reader_that_waits(source: SourceServer, table: Table) -> None:
    reader = source.reader(source.executed(), table, heartbeat_s=60)
    thread = threading.Thread(target=lambda: list(reader))
    thread.start()
    dump_thread(source)
    time.sleep(0.2)
    reader.close()
    thread.join(timeout=3)
    assert not thread.is_alive()


def test_a_reader_closed_before_it_began_reads_nothing(source: SourceServer, table: Table) -> None:
    reader = source.reader(source.executed(), table)
    reader.close()
    assert list(reader) == []


def test_a_quiet_source_sends_heartbeats(source: SourceServer, table: Table) -> None:
    reader = source.reader(source.executed(), table, heartbeat_s=0.2)
    started = time.monotonic()
    for number, event in enumerate(reader):
        assert event == Heartbeat()
        if number == 3:
            break
    reader.close()
    assert time.monotonic() - started < 5


def test_a_silent_source_is_noticed(source: SourceServer, table: Table) -> None:
    def impatient(**arguments: Any) -> pymysql.Connection[Any]:
        return source.connect(**{**arguments, "read_timeout": 0.5})

    reader = source.reader(source.executed(), table, heartbeat_s=60, connect=impatient)
    with pytest.raises(RetryableError):
        list(reader)


def test_purged_logs_are_named_with_the_position(source: SourceServer, table: Table) -> None:
    position = source.executed()
    source.run(
        "INSERT INTO t VALUES (1, 'a')", "FLUSH BINARY LOGS", "INSERT INTO t VALUES (2, 'b')"
    )
    logs = source.run("SHOW BINARY LOGS")
    source.run(f"PURGE BINARY LOGS TO '{logs[-1][0]}'")
    for missing in (position, ""):
        with pytest.raises(FatalError, match="no longer has its binary log") as refused:
            list(source.reader(missing, table))
        assert (missing or "the beginning") in str(refused.value)


def test_a_log_written_without_checksums_is_read_with_the_others(
    source: SourceServer, table: Table
) -> None:
    position = source.executed()
    try:
        for number, kind in enumerate(["NONE", "CRC32", "NONE"]):
            source.run(
                f"SET GLOBAL binlog_checksum = {kind}", f"INSERT INTO t VALUES ({number}, 'a')"
            )
        for kind in ("NONE", "CRC32"):
            source.run(f"SET GLOBAL binlog_checksum = {kind}")
            assert len(changes(source.events(position, table))) == 3
    finally:
        source.run("SET GLOBAL binlog_checksum = CRC32")


def test_a_stream_that_takes_over_the_server_id_ends_the_older(
    source: SourceServer, table: Table
) -> None:
    older = source.reader(source.executed(), table, server_id=899_998)
    newer = source.reader(source.executed(), table, server_id=899_998)
    events = iter(older)
    next(events)
    others = iter(newer)
    next(others)
    with pytest.raises(RetryableError):
        list(events)
    newer.close()


def test_credentials_are_in_no_message(source: SourceServer, table: Table) -> None:
    def stranger(**_: Any) -> pymysql.Connection[Any]:
        return source.connect(user="nobody", password="s3cret")

    position = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa:1-7"
    reader = source.reader(position, table, connect=stranger)
    with pytest.raises(Exception) as refused:  # noqa: PT011
        list(reader)
    assert "s3cret" not in str(refused.value)
