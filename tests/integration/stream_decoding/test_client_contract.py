"""The part of tests/unit/stream/test_client_contract.py that only a server shows."""

from __future__ import annotations

import socket
from typing import Any

from pipeline.mysql.pools import run_raw
from tests.integration.stream_decoding.source import SourceServer
from tests.unit.stream.test_client_contract import DRIVER, POOLS, gone


def test_close_never_looks_for_the_socket_where_it_is_not(source: SourceServer) -> None:
    connection: Any = source.connect()
    try:
        # With TLS, too: `close` shuts it down by the method of the plain class.
        found = getattr(connection, "_sock", None)
        assert isinstance(found, socket.socket), gone(DRIVER, "Connection._sock as a socket")
    finally:
        connection.close()


def test_the_first_count_of_a_summary_never_hides_behind_the_byte_of_its_length(
    source: SourceServer,
) -> None:
    source.run("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    connection = source.connect()
    try:
        answer = run_raw(connection, f"INSERT IGNORE INTO {source.schema}.t VALUES (1), (2)")
    finally:
        connection.close()
    summary = "Records: 2  Duplicates: 1  Warnings: 1"
    part = "MySQLResult.message, with the byte of its length before it,"
    assert answer.message == summary, gone(DRIVER, part, POOLS)
    assert answer.summary.records == 2
    assert answer.warnings == 1, gone(DRIVER, "Cursor.warning_count", POOLS)
