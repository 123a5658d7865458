"""Unpacks transactions that the source has compressed (`binlog_transaction_compression`).

Such a transaction is one event: a few fields, then all its events in one zstd stream. Any
session may switch this on, and a client that does not know the event sees no rows at all
(mysql-replication yields nothing). The stream is decompressed bit by bit: memory holds one
embedded event at a time, never the entire transaction.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

import zstandard

from pipeline.errors import FatalError
from pipeline.stream.decode_tablemap import packed_integer

HEADER_BYTES = 19
_END, _COMPRESSION, _PLAIN_SIZE = 0, 2, 3
_ZSTD, _NONE = 0, 255
_BUFFER = 1 << 18


def embedded_events(data: bytes, at: int, end: int) -> Iterator[bytes]:
    """The events in a payload event's body `data[at:end]`: header and body, without checksum.

    Raises:
        FatalError: the payload is damaged, or compressed in an unknown way.
    """
    fields, at = _read_fields(data, at)
    stream = _plain(memoryview(data)[at:end], fields.get(_COMPRESSION, _NONE))
    size = 0
    try:
        for event in _split(stream):
            size += len(event)
            yield event
    except zstandard.ZstdError as error:
        raise _damaged(str(error)) from error
    # A frame that was cut short ends quietly.
    if size != fields.get(_PLAIN_SIZE, end - at):
        raise _damaged(f"it decompresses to {size} bytes")


def _plain(packed: memoryview, compression: int) -> BinaryIO:
    if compression == _NONE:
        return io.BytesIO(packed)
    if compression == _ZSTD:
        reader = zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True)
        return io.BufferedReader(reader, _BUFFER)
    raise _damaged(f"its compression {compression} is unknown")


def _read_fields(data: bytes, at: int) -> tuple[dict[int, int], int]:
    """The numbers before the payload, and where it begins."""
    fields: dict[int, int] = {}
    while True:
        field, at = packed_integer(data, at)
        if field == _END:
            return fields, at
        length, at = packed_integer(data, at)
        fields[field], _ = packed_integer(data, at)
        at += length


def _split(stream: BinaryIO) -> Iterator[bytes]:
    while header := stream.read(HEADER_BYTES):
        size = int.from_bytes(header[9:13], "little")
        body = stream.read(size - HEADER_BYTES) if size > HEADER_BYTES else b""
        if len(header) + len(body) != size:
            raise _damaged("it ends in the middle of an event")
        yield header + body


def _damaged(what: str) -> FatalError:
    return FatalError(
        f"A compressed transaction of the source's binary log can't be unpacked: {what}.",
        "Set binlog_transaction_compression = OFF on the source; then abort, clean up and start"
        " again.",
    )
