"""The events that leave the reader, in the order of the source's binary log.

A transaction is TransactionBegin, its changes and statements, TransactionEnd; its GTID
counts as executed only at the end. Every GTID of the log yields that pair, whatever it
holds (rows of other tables, nothing at all, DDL): a position that skips one would leave a
drain waiting for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pipeline.mysql.table import TableName

KeyText = bytes  # the fields of a key, in key order, as in a line (mysql/codecs.py)
Line = bytes  # a row's `written` columns, as a line without its newline


class ChangeKind(Enum):
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class TransactionBegin:
    """A source transaction begins. What follows must not be committed before its end."""

    gtid: str


@dataclass(frozen=True, slots=True)
class RowsChange:
    """One rows event of a table of the migration.

    `before` holds the keys of before-images; `keys` and `after` those of after-images and their
    lines. All of them run in parallel. An INSERT has nothing before, a DELETE nothing after.
    """

    table: TableName
    change: ChangeKind
    before: list[KeyText]
    keys: list[KeyText]
    after: list[Line]
    size: int  # bytes in the binary log


@dataclass(frozen=True, slots=True)
class FormerRows:
    """The transaction changes the table that had the name of ours before the swap: not decoded."""

    table: TableName


@dataclass(frozen=True, slots=True)
class StatementSeen:
    """A statement that names a table of the migration: DDL, or a change logged as text."""

    table: TableName
    verb: str  # "DROP TABLE"
    sql: str
    gtid: str
    inert: bool  # by itself it changes nothing of a table that exists


@dataclass(frozen=True, slots=True)
class TransactionEnd:
    """The transaction is complete on the source."""

    gtid: str
    timestamp: float  # when it was committed by the source's clock, in epoch seconds
    prepared_xa: tuple[str, ...]  # what is still to be committed or rolled back (mysql/xa.py)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The source is alive and has nothing new."""


Event = TransactionBegin | RowsChange | FormerRows | StatementSeen | TransactionEnd | Heartbeat
