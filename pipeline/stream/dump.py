"""Asks a source for its binary log, and hands over the packets that it sends.

mysql-replication is the client: it negotiates checksums and heartbeats and asks for the log
by GTID set. Its own loop is not used, since on a lost connection it would ask again from the
position it began at, and play everything twice. Here a connection serves once: whatever ends
it comes out as an error, and the caller begins again from what it has committed.

Guarantee: every packet of the log after the position, in order, none twice; `close()` from
another thread ends a read that waits.

No other module touches what mysql-replication and PyMySQL do not promise to keep, except for the
summary of a statement in `pipeline/mysql/pools.py`. These are used, each for want of a public way:

- `BinLogStreamReader.__connect_to_stream` asks for the log; in public only the loop does. It
  takes its connection from `pymysql_wrapper`, so that `close()` knows it from the start.
- `auto_position` may be a list, here one that is empty and yet true (`NoGtids`).
- `Connection._read_packet` reads what answers no statement. Its packets are `MysqlPacket`s,
  public but in no documentation: `is_eof_packet`, `get_all_data`.
- `Connection._sock` is what a blocked read waits for; nothing public wakes it.
- `Connection._force_close` closes without a message. `close` would send one, through the TLS
  state that the other thread may be using.

mysql-replication writes its request by PyMySQL's `_write_bytes` and `_next_seq_id`, so the two
must fit each other. tests/unit/stream/test_client_contract.py has a test for each part.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pymysql
from pymysqlreplication import BinLogStreamReader

from pipeline.mysql.flavours import raw_is_mariadb

Connect = Callable[..., "pymysql.Connection[Any]"]
_Raw = Any  # the driver's connection: the stubs do not know all that is used here


class NoGtids(list[Any]):
    """No GTID at all, yet true: the library takes a false position for "from now on"."""

    def __bool__(self) -> bool:
        return True


class BinlogDump:
    """One request for the log, on a connection of its own: open, then read, once."""

    def __init__(self, connect: Connect, server_id: int, position: str, heartbeat_s: float) -> None:
        self._connect = connect
        self._server_id, self._position = server_id, position
        self._heartbeat_s, self._read_timeout_s = heartbeat_s, 2 * heartbeat_s + 5
        self._connection: _Raw = None
        self.closed = False
        self.ignores_case = False  # in names of tables; known once open

    def open(self) -> None:
        """Connect and ask for the log; its packets follow.

        Raises:
            what `connect` and the driver raise.
            ValueError: the position is not a set of GTIDs.
        """
        stream = self._stream_on(self._log_in())
        stream._BinLogStreamReader__connect_to_stream()

    def read_packet(self) -> bytes | None:
        """The next packet: a zero byte, then one event. None: the source ends the stream.

        Raises:
            what the driver raises; once closed, also ValueError or AttributeError.
        """
        packet = self._connection._read_packet()
        return None if packet.is_eof_packet() else packet.get_all_data()

    def close(self) -> None:
        """Drop the connection; a thread blocked in a read of it wakes up."""
        self.closed = True
        connection = self._connection
        sock = None if connection is None else connection._sock
        if sock is None:
            return
        with suppress(OSError):
            # Closing alone would leave the other thread in its read for ever. Past SSLSocket's
            # own shutdown, which would take the TLS state from under that read.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
        connection._force_close()

    def _log_in(self) -> _Raw:
        connection: _Raw = self._connect(charset="utf8mb4", read_timeout=self._read_timeout_s)
        self._connection = connection
        if self.closed:
            self.close()
        with connection.cursor() as cursor:
            # Old files may have checksums where new ones have none: always know them.
            cursor.execute("SET @master_binlog_checksum = 'CRC32'")
            cursor.execute("SELECT @@lower_case_table_names")
            row = cursor.fetchone()
            self.ignores_case = bool(row and int(row[0]))
        return connection

    def _stream_on(self, connection: _Raw) -> BinLogStreamReader:
        mariadb = raw_is_mariadb(connection)
        return BinLogStreamReader(
            {"read_timeout": self._read_timeout_s},  # the library caps the heartbeat by it
            self._server_id,
            blocking=True,
            is_mariadb=mariadb,
            auto_position=self._position if mariadb else self._position or NoGtids(),
            slave_heartbeat=self._heartbeat_s,
            pymysql_wrapper=lambda **_: connection,
            enable_logging=False,
        )
