"""Parses the raw bytes of binary log events: headers, GTIDs, statements.

Every event is a header of 19 bytes (time, type, server, size, position, flags), a body and, in
a log with checksums, a CRC32 of both.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from dataclasses import dataclass
from typing import NamedTuple

from pymysql.charset import charset_by_id

QUERY, STOP, ROTATE, INTVAR = 2, 3, 4, 5
APPEND_BLOCK, DELETE_FILE, RAND, USER_VAR, FORMAT_DESCRIPTION, XID = 9, 11, 13, 14, 15, 16
BEGIN_LOAD_QUERY, EXECUTE_LOAD_QUERY, TABLE_MAP = 17, 18, 19
INCIDENT, HEARTBEAT, ROWS_QUERY = 26, 27, 29
GTID, ANONYMOUS_GTID, PREVIOUS_GTIDS, TRANSACTION_CONTEXT, VIEW_CHANGE = 33, 34, 35, 36, 37
XA_PREPARE, PARTIAL_UPDATE_ROWS, TRANSACTION_PAYLOAD, HEARTBEAT_V2, GTID_TAGGED = 38, 39, 40, 41, 42
MARIADB_ANNOTATE_ROWS, MARIADB_CHECKPOINT, MARIADB_GTID, MARIADB_GTID_LIST = 160, 161, 162, 163
MARIADB_COMPRESSED_QUERY = 165
MARIADB_COMPRESSED_ROWS = frozenset(range(166, 172))  # the six rows events, of log_bin_compress

HEADER = struct.Struct("<IBIIIH")
_COMMIT_TIME_AT = 42  # after flags, GTID, and the logical clock
_QUERY_HEAD = struct.Struct("<IIBHH")
_MARIADB_GTID = struct.Struct("<QIB")
_MARIADB_STANDALONE, _MARIADB_PREPARED_XA, _MARIADB_COMPLETED_XA = 1, 64, 128
_MARIADB_ZLIB = 0x80
_CHECKSUM_ALGORITHMS = {0: False, 1: True}


class RawEvent(NamedTuple):
    """An event, not decoded yet: its body is `data[at:end]`.

    A transaction of one row is five of them, so they have to be made quickly.
    """

    type: int
    timestamp: int
    server_id: int
    data: bytes
    at: int
    end: int

    @classmethod
    def parse(cls, data: bytes, at: int, end: int) -> RawEvent:
        """The event whose header is at `at`. `end` leaves out a checksum."""
        timestamp, kind, server_id, _, _, _ = HEADER.unpack_from(data, at)
        return cls(kind, timestamp, server_id, data, at + HEADER.size, end)


def event_type(data: bytes, at: int) -> int:
    """The type of the event whose header is at `at`."""
    return data[at + 4]


@dataclass(frozen=True, slots=True)
class Statement:
    """A Query event."""

    sql: str
    schema: str
    sql_mode: int


def has_checksums(event: RawEvent) -> bool | None:
    """Whether the events after a format description have checksums; None: of an unknown kind.

    Its last five bytes are the algorithm and a checksum, whatever the algorithm is.
    """
    return _CHECKSUM_ALGORITHMS.get(event.data[len(event.data) - 5])


def mysql_gtid(event: RawEvent) -> str:
    """`uuid:number` of a GTID event."""
    data, at = event.data, event.at + 1
    source = uuid.UUID(bytes=bytes(data[at : at + 16]))
    return f"{source}:{int.from_bytes(data[at + 16 : at + 24], 'little')}"


def mysql_commit_time(event: RawEvent) -> float | None:
    """When the server committed a GTID event's transaction, in epoch seconds with a fraction.

    The times in the headers are whole seconds, and those at which statements began.
    """
    at = event.at + _COMMIT_TIME_AT
    if at + 7 > event.end:
        return None
    # The highest bit says that the original server's time follows.
    return (int.from_bytes(event.data[at : at + 7], "little") & (1 << 55) - 1) / 1e6


@dataclass(frozen=True, slots=True)
class MariaDbGtid:
    gtid: str
    standalone: bool  # one statement, which no event ends; otherwise BEGIN is implied
    xa: bool


def mariadb_gtid(event: RawEvent) -> MariaDbGtid:
    """`domain-server-number` of MariaDB's GTID event."""
    number, domain, flags = _MARIADB_GTID.unpack_from(event.data, event.at)
    return MariaDbGtid(
        f"{domain}-{event.server_id}-{number}",
        bool(flags & _MARIADB_STANDALONE),
        bool(flags & (_MARIADB_PREPARED_XA | _MARIADB_COMPLETED_XA)),
    )


def is_begin(event: RawEvent) -> bool:
    """Whether a Query event is the BEGIN that each transaction of rows has."""
    _, _, schema_size, _, variables_size = _QUERY_HEAD.unpack_from(event.data, event.at)
    start = event.at + _QUERY_HEAD.size + variables_size + schema_size + 1
    return event.data[start : event.end] == b"BEGIN"


def session_number(event: RawEvent) -> int:
    """The number of the connection that a Query event comes from."""
    thread: int = _QUERY_HEAD.unpack_from(event.data, event.at)[0]
    return thread


def statement(event: RawEvent) -> Statement:
    """The text of a Query event, compressed or not, or of a LOAD DATA event: they have one form."""
    data, at = event.data, event.at
    _, _, schema_size, _, variables_size = _QUERY_HEAD.unpack_from(data, at)
    at += _QUERY_HEAD.size + (13 if event.type == EXECUTE_LOAD_QUERY else 0)
    sql_mode, encoding = _status_variables(data[at : at + variables_size])
    at += variables_size
    schema = data[at : at + schema_size].decode()
    text = data[at + schema_size + 1 : event.end]
    if event.type == MARIADB_COMPRESSED_QUERY:
        text = _uncompressed(text)
    return Statement(text.decode(encoding, "replace"), schema, sql_mode)


def _uncompressed(data: bytes) -> bytes:
    """What MariaDB has compressed: a byte with its way and the length's size, that length, zlib.

    Raises:
        ValueError: it is compressed in an unknown way, or damaged.
    """
    way, size = data[0] & 0xF0, data[0] & 0x07
    if way != _MARIADB_ZLIB:
        raise ValueError(f"a statement is compressed in an unknown way, {way:#x}")
    try:
        return zlib.decompress(data[1 + size :])
    except zlib.error as error:
        raise ValueError(f"a compressed statement is damaged: {error}") from error


def _status_variables(data: bytes) -> tuple[int, str]:
    """sql_mode and the client's encoding.

    The variables come in a fixed order, and these are among the first; an unknown one ends the
    search.
    """
    at, sql_mode, encoding = 0, 0, "utf-8"
    while at < len(data):
        variable = data[at]
        at += 1
        if variable == 0:  # flags
            at += 4
        elif variable == 1:
            sql_mode = int.from_bytes(data[at : at + 8], "little")
            at += 8
        elif variable == 2:  # catalog, with a final zero
            at += data[at] + 2
        elif variable == 3:  # auto_increment
            at += 4
        elif variable == 4:
            encoding = _encoding(int.from_bytes(data[at : at + 2], "little"))
            break
        elif variable == 6:  # catalog
            at += data[at] + 1
        else:
            break
    return sql_mode, encoding


def _encoding(collation: int) -> str:
    try:
        return charset_by_id(collation).encoding or "utf-8"
    except KeyError:
        return "utf-8"  # all newer collations are of utf8mb4
