"""Reads the source's binary log from a position, as the events of the moved tables.

mysql-replication is the client: it logs in, negotiates checksums and heartbeats and asks
for the log by GTID set. Its own loop is not used, since on a lost connection it would ask
again from the position it began at, and play everything twice. Here a connection serves
once: whatever ends it comes out as an error, and the caller begins again from what it has
committed.

Guarantee: every transaction after the position, in order, each GTID with a begin and an
end; memory for one event at a time.
"""

from __future__ import annotations

import re
import socket
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pymysql
from pymysqlreplication import BinLogStreamReader

from pipeline.errors import FatalError, RetryableError
from pipeline.mysql.failures import code_of, translate
from pipeline.mysql.flavours import raw_is_mariadb
from pipeline.mysql.table import Table, TableName
from pipeline.stream import decode_log as log
from pipeline.stream.decode_log import RawEvent
from pipeline.stream.decode_transaction import TransactionDecoder
from pipeline.stream.events import Event

Connect = Callable[..., "pymysql.Connection[Any]"]
_Raw = Any  # the driver's connection: the stubs do not know the methods used here
_CANNOT_READ_LOG = 1236
_CHECKSUM_BYTES = 4
_TAG = re.compile(r":\s*[a-z_]", re.I)


class _EmptySet(list[Any]):
    """No GTID at all, yet true: the library takes a false position for "from now on"."""

    def __bool__(self) -> bool:
        return True


class _Dump(BinLogStreamReader):  # type: ignore[misc]
    """The library's client, without its loop."""

    def open(self) -> _Raw:
        """Connect and ask for the log; packets follow on the connection that is returned."""
        self._BinLogStreamReader__connect_to_stream()
        return self._stream_connection


class BinlogReader:
    """Iterate once. `close()` from another thread ends the iteration."""

    def __init__(
        self,
        connect: Connect,
        server_id: int,
        tables: Mapping[TableName, Table],
        aliases: Mapping[TableName, TableName],
        position: str,
        heartbeat_s: float,
    ) -> None:
        self._connect = connect
        self._tables, self._aliases = tables, aliases
        self._server_id, self._position = server_id, position
        self._heartbeat_s = heartbeat_s
        self._connection: _Raw | None = None
        self._dump: _Raw = None
        self._closed = False
        self._checksums = True
        self._ignore_case = False

    def __iter__(self) -> Iterator[Event]:
        """The events after the position.

        Raises:
            RetryableError: the connection was lost, or the source fell silent.
            FatalError: the log can't be followed, or is not there any more.
        """
        try:
            packets = self._packets()
            decoder: TransactionDecoder | None = None
            for packet in packets:
                if decoder is None:
                    decoder = TransactionDecoder(self._tables, self._aliases, self._ignore_case)
                yield from decoder.feed(self._parse(packet))
        except (pymysql.err.MySQLError, OSError, ValueError, AttributeError) as error:
            if self._closed:
                return
            raise self._translated(error) from error
        finally:
            self.close()

    def close(self) -> None:
        """Drop the connection; a thread blocked in a read of it wakes up."""
        self._closed = True
        connection = self._connection
        sock = getattr(connection, "_sock", None)
        if connection is None or sock is None:
            return
        with suppress(OSError):
            # Closing alone would leave the other thread in its read for ever.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
        connection._force_close()

    def _packets(self) -> Iterator[bytes]:
        """The packets of the dump: a zero byte, then one event."""
        connection = self._open()
        while not self._closed:
            packet = connection._read_packet()
            if packet.is_eof_packet():
                raise RetryableError("The source ended the stream of its binary log.")
            yield packet.get_all_data()

    def _open(self) -> _Raw:
        dump = self._dump = _Dump(
            {"charset": "utf8mb4", "read_timeout": 2 * self._heartbeat_s + 5},
            self._server_id,
            blocking=True,
            auto_position=_library_position(self._position),
            slave_heartbeat=self._heartbeat_s,
            pymysql_wrapper=self._log_in,
            enable_logging=False,
        )
        return dump.open()

    def _log_in(self, **arguments: Any) -> _Raw:
        connection = self._connection = self._connect(**arguments)
        if self._closed:
            self.close()
        if raw_is_mariadb(connection):
            self._dump.is_mariadb, self._dump.auto_position = True, self._position
        with connection.cursor() as cursor:
            # Old files may have checksums where new ones have none: always know them.
            cursor.execute("SET @master_binlog_checksum = 'CRC32'")
            cursor.execute("SELECT @@lower_case_table_names")
            row = cursor.fetchone()
            self._ignore_case = bool(row and int(row[0]))
        return connection

    def _parse(self, packet: bytes) -> RawEvent:
        event = RawEvent.parse(packet, 1, len(packet))
        if event.type == log.FORMAT_DESCRIPTION:
            checksums = log.has_checksums(event)
            if checksums is None:
                raise FatalError(
                    "The source's binary log has checksums of an unknown kind.",
                    "Set binlog_checksum to CRC32 or NONE, abort, and start again.",
                )
            self._checksums = checksums
            return event
        if not self._checksums or event.type in (log.ROTATE, log.HEARTBEAT, log.HEARTBEAT_V2):
            return event  # those two may be made up by the sender, with or without a checksum
        end = len(packet) - _CHECKSUM_BYTES
        found = int.from_bytes(packet[end:], "little")
        if zlib.crc32(memoryview(packet)[1:end]) != found:
            raise RetryableError("An event of the source's binary log arrived damaged.")
        return RawEvent.parse(packet, 1, end)

    def _translated(self, error: Exception) -> Exception:
        if code_of(error) == _CANNOT_READ_LOG:
            return self._refused(str(error.args[1]))
        if isinstance(error, pymysql.err.MySQLError | OSError):
            return translate(error, "source, binary log")
        return FatalError(
            f"The source's binary log cannot be read: {error}.",
            "See what the source's error log says; then: tranship resume ID.",
        )

    def _refused(self, text: str) -> Exception:
        position = self._position or "the beginning"
        if "same server" in text:  # another stream took our id: that one goes on
            return RetryableError(f"The source ended the stream of its binary log: {text}.")
        if "purged" in text:
            return FatalError(
                f"The source no longer has its binary log from position {position}: {text}.",
                "Keep binary logs longer (binlog_expire_logs_seconds), abort and start again.",
            )
        return FatalError(
            f"The source refuses to send its binary log from position {position}: {text}.",
            "Abort, clean up and start again.",
        )


def _library_position(position: str) -> Any:
    """
    Raises:
        FatalError: a GTID in it has a tag, which the library cannot ask for.
    """
    if _TAG.search(position):
        raise FatalError(
            "The source has executed transactions whose GTIDs have tags, which are not supported.",
            "Move from a server that never used tags in gtid_next.",
        )
    return position if position else _EmptySet()
