"""Reads the source's binary log from a position, as events of the migration's tables.

`BinlogDump` asks for the log and hands over its packets. Here they become events, once their
checksums have proved right, and whatever ends them becomes an error that says what to do.

Guarantee: every transaction after the position, in order, each GTID with a begin and an
end; memory for one event at a time.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

import pymysql

from pipeline.errors import FatalError, RetryableError, StartOverError
from pipeline.mysql.failures import code_of, translate
from pipeline.mysql.table import Table, TableName
from pipeline.stream import decode_log as log
from pipeline.stream.decode_log import RawEvent
from pipeline.stream.decode_transaction import TransactionDecoder
from pipeline.stream.dump import BinlogDump, Connect
from pipeline.stream.events import Event

_CANNOT_READ_LOG = 1236
_CHECKSUM_BYTES = 4
# The sender may have made these up, with or without a checksum.
_MADE_UP = frozenset({log.ROTATE, log.HEARTBEAT, log.HEARTBEAT_V2})
_TAG = re.compile(r":\s*[a-z_]", re.I)
Decoded = TypeVar("Decoded")
Feed = Callable[[RawEvent], Iterator[Decoded]]


class LogReader(Generic[Decoded]):
    """Iterate once. `close()` from another thread ends the iteration.

    `decoding` makes what raw events are fed to, once it is known whether names are compared
    without case.
    """

    def __init__(
        self,
        connect: Connect,
        server_id: int,
        position: str,
        heartbeat_s: float,
        decoding: Callable[[bool], Feed[Decoded]],
    ) -> None:
        self._position, self._decoding = position, decoding
        self._dump = BinlogDump(connect, server_id, position, heartbeat_s)
        self._checksums = True

    def __iter__(self) -> Iterator[Decoded]:
        """What the events after the position are decoded to.

        Raises:
            RetryableError: the connection was lost, or the source fell silent.
            FatalError: the log can't be followed, or is no longer there.
        """
        try:
            _refuse_tags(self._position)
            self._dump.open()
            feed = self._decoding(self._dump.ignores_case)
            for packet in self._packets():
                yield from feed(self._parse(packet))
        except (pymysql.err.MySQLError, OSError, ValueError, AttributeError) as error:
            if self._dump.closed:
                return
            raise self._translated(error) from error
        finally:
            self.close()

    def close(self) -> None:
        """Drop the connection; a thread blocked in a read of it wakes up."""
        self._dump.close()

    def _packets(self) -> Iterator[bytes]:
        while not self._dump.closed:
            packet = self._dump.read_packet()
            if packet is None:
                raise RetryableError("The source ended the stream of its binary log.")
            yield packet

    def _parse(self, packet: bytes) -> RawEvent:
        end, kind = len(packet), log.event_type(packet, 1)
        if kind == log.FORMAT_DESCRIPTION:
            self._read_format(RawEvent.parse(packet, 1, end))
        elif self._checksums and kind not in _MADE_UP:
            end -= _CHECKSUM_BYTES
            found = int.from_bytes(packet[end:], "little")
            if zlib.crc32(memoryview(packet)[1:end]) != found:
                raise RetryableError("An event of the source's binary log arrived damaged.")
        return RawEvent.parse(packet, 1, end)

    def _read_format(self, event: RawEvent) -> None:
        checksums = log.has_checksums(event)
        if checksums is None:
            raise StartOverError(
                "The source's binary log has checksums of an unknown kind.",
                "Set binlog_checksum to CRC32 or NONE.",
            )
        self._checksums = checksums

    def _translated(self, error: Exception) -> Exception:
        if code_of(error) == _CANNOT_READ_LOG:
            return self._refused(str(error.args[1]))
        if isinstance(error, pymysql.err.MySQLError | OSError):
            return translate(error, "source, binary log")
        return FatalError(
            f"The source's binary log can't be read: {error}.",
            "See what the source's error log says; then: tranship resume ID.",
        )

    def _refused(self, text: str) -> Exception:
        position = self._position or "the beginning"
        if "same server" in text:  # another stream has taken our id, and that one goes on
            return RetryableError(f"The source ended the stream of its binary log: {text}.")
        if "purged" in text:
            return StartOverError(
                f"The source no longer has its binary log from position {position}: {text}.",
                "Keep binary logs longer (binlog_expire_logs_seconds).",
            )
        return FatalError(
            f"The source refuses to send its binary log from position {position}: {text}.",
            "If its cause can be removed, then: tranship resume ID. Else abort and start again.",
        )


class BinlogReader(LogReader[Event]):
    """The events of the migration's tables."""

    def __init__(
        self,
        connect: Connect,
        server_id: int,
        tables: Mapping[TableName, Table],
        aliases: Mapping[TableName, TableName],
        position: str,
        prepared_xa: tuple[str, ...],
        heartbeat_s: float,
        swap_mark: str | None = None,
    ) -> None:
        def decoding(ignores_case: bool) -> Feed[Event]:
            return TransactionDecoder(tables, aliases, ignores_case, prepared_xa, swap_mark).feed

        super().__init__(connect, server_id, position, heartbeat_s, decoding)


def _refuse_tags(position: str) -> None:
    """
    Raises:
        FatalError: a GTID in it has a tag, which the library cannot ask for.
    """
    if _TAG.search(position):
        raise FatalError(
            "The source has executed transactions whose GTIDs have tags, which are not supported.",
            "Move from a server that never used tags in gtid_next.",
        )
