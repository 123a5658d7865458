"""Searches a stretch of a server's binary log for changes of certain tables, and for who made them.

Whatever a transaction holds is looked at, and no text stops the search: here the log is evidence of
what others have done, and not what a target is filled by. An event of a type that may hold changes,
and that can't be read, ends it by name: what is passed over would count as not written.

Which transactions are ours needs no mark. Each of ours that changes a row of a target table also
changes one of the control schema (I1 to I3), and nobody else's does. Ours are passed over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from pipeline.control.schema import SCHEMA
from pipeline.errors import FatalError
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.statements import Classified, StatementKind, classify
from pipeline.mysql.table import Table, TableName
from pipeline.stream import decode_log as log
from pipeline.stream.decode_log import RawEvent
from pipeline.stream.decode_tablemap import parse_table_map, table_id, table_name
from pipeline.stream.decode_transaction import WITHOUT_ROWS
from pipeline.stream.dump import Connect
from pipeline.stream.events import RowsChange
from pipeline.stream.payload import embedded_events
from pipeline.stream.reader import Feed, LogReader
from pipeline.stream.rowdecoder import CHANGES, RowDecoder

_HEARTBEAT_S = 1.0
_LOOKED_FOR_S = 120.0  # by the server, for the first transaction
_HELD_BYTES = 64 << 20  # of one transaction; the rows of a larger one are not named
# DDL after which other rows may be there (ALTER TABLE: TRUNCATE PARTITION, IMPORT TABLESPACE). Ours
# on these tables is none of these, but for a rename: it adds indexes, and raises a counter.
_REPLACING = {
    "TRUNCATE TABLE", "DROP TABLE", "DROP DATABASE", "RENAME TABLE", "CREATE TABLE", "ALTER TABLE",
}  # fmt: skip
# Rows that only count as written: which, can't be told.
_OPAQUE_ROWS = log.MARIADB_COMPRESSED_ROWS | {log.PARTIAL_UPDATE_ROWS}
_STATEMENTS = {log.QUERY, log.EXECUTE_LOAD_QUERY, log.MARIADB_COMPRESSED_QUERY}
_ENDS = {
    StatementKind.COMMIT, StatementKind.ROLLBACK, StatementKind.XA_COMMIT,
    StatementKind.XA_ROLLBACK,
}  # fmt: skip


@dataclass
class LoggedTransaction:
    """One transaction of the log, as far as it is about the tables that are looked for."""

    gtid: str
    connection: int | None = None  # that it came on; MariaDB does not always say
    ours: bool = False
    rows: list[RowsChange] = field(default_factory=list)
    statements: list[tuple[TableName, str]] = field(default_factory=list)
    unread: set[TableName] = field(default_factory=set)  # whose rows are too many, or of no use

    @property
    def found(self) -> bool:
        return bool(self.rows or self.statements or self.unread)


class _Search:
    """Is fed raw events; yields each transaction once it has ended."""

    def __init__(self, tables: Mapping[TableName, Table], ignores_case: bool) -> None:
        self._ignores_case = ignores_case
        self._tables = {self._folded(name): (name, table) for name, table in tables.items()}
        self._now = LoggedTransaction("")
        self._open = False
        self._by_id: dict[int, tuple[TableName, RowDecoder | None]] = {}
        self._held: list[tuple[RowDecoder, RawEvent]] = []
        self._size = 0

    def feed(self, event: RawEvent) -> Iterator[LoggedTransaction]:
        kind = event.type
        if kind in CHANGES or kind in _OPAQUE_ROWS:
            self._rows(event)
        elif kind == log.TABLE_MAP:
            self._map(event)
        elif kind in (log.XID, log.XA_PREPARE):
            yield self._end()
        elif kind in _STATEMENTS:
            if self._ends(event):
                yield self._end()
        elif kind == log.TRANSACTION_PAYLOAD:
            for data in embedded_events(event.data, event.at, event.end):
                yield from self.feed(RawEvent.parse(data, 0, len(data)))
        else:
            yield from self._rarer(event)

    def _rarer(self, event: RawEvent) -> Iterator[LoggedTransaction]:
        if event.type in (log.GTID, log.MARIADB_GTID):
            self._begin(event)
        elif event.type in (log.HEARTBEAT, log.HEARTBEAT_V2):
            yield LoggedTransaction("")
        elif event.type not in WITHOUT_ROWS:
            raise _unreadable(event.type, self._now.gtid)

    def _begin(self, event: RawEvent) -> None:
        if event.type == log.GTID:
            self._now, self._open = LoggedTransaction(log.mysql_gtid(event)), False
        else:
            found = log.mariadb_gtid(event)
            self._now, self._open = LoggedTransaction(found.gtid), not found.standalone
        self._by_id.clear()
        self._held, self._size = [], 0

    def _end(self) -> LoggedTransaction:
        """What was held is decoded only now: most of it is ours, which is nothing to tell."""
        self._open = False
        if self._now.ours:
            return LoggedTransaction(self._now.gtid)
        for decoder, event in self._held:
            try:
                rows = decoder.decode(event.type, event.data, event.at, event.end)
                self._now.rows.append(rows)
            except FatalError:  # not a full row image
                self._now.unread.add(decoder.table.name)
        return self._now

    def _folded(self, name: TableName) -> TableName:
        if not self._ignores_case:
            return name
        return TableName(name.schema.lower(), name.name.lower())

    def _map(self, event: RawEvent) -> None:
        name, _ = table_name(event.data, event.at)
        if name.schema == SCHEMA:
            self._now.ours = True
        wanted = self._tables.get(self._folded(name))
        if wanted is not None:
            number = table_id(event.data, event.at)
            self._by_id[number] = (wanted[0], _decoder(wanted[1], event))

    def _rows(self, event: RawEvent) -> None:
        wanted = self._by_id.get(table_id(event.data, event.at))
        if wanted is None:
            return
        name, decoder = wanted
        self._size += event.end - event.at
        if decoder is None or event.type in _OPAQUE_ROWS or self._size > _HELD_BYTES:
            self._now.unread.add(name)
        else:
            self._held.append((decoder, event))

    def _ends(self, event: RawEvent) -> bool:
        """Take in a statement; whether it ends the transaction."""
        if self._now.connection is None:
            self._now.connection = log.session_number(event)
        if log.is_begin(event):
            self._open = True
            return False
        text = log.statement(event)
        found = classify(text.sql, text.schema, text.sql_mode)
        self._name(found, text.sql)
        if found.kind in (StatementKind.BEGIN, StatementKind.XA_START) or found.opens_transaction:
            self._open = True
        return found.kind in _ENDS or not self._open

    def _name(self, found: Classified, sql: str) -> None:
        if found.inert or found.rows_stay:
            return
        if found.kind is not StatementKind.ROWS and found.verb not in _REPLACING:
            return
        for name, _ in self._tables.values():
            if found.touches(name, ignore_case=self._ignores_case):
                self._now.statements.append((name, sql))


def _unreadable(kind: int, after: str) -> FatalError:
    what = f"an event of type {kind}, which may hold changes"
    if kind == log.GTID_TAGGED:
        what = "a GTID with a tag, which is not supported"
    return FatalError(
        f"The binary log holds {what}, after {after or 'its beginning'}.",
        "Whether somebody else has written to the tables can't be told: see that nobody does.",
    )


def _decoder(table: Table, event: RawEvent) -> RowDecoder | None:
    try:
        return RowDecoder(table, parse_table_map(event.data, event.at, event.end))
    except FatalError:  # it is another table of that name
        return None


@dataclass
class LogSearch:
    """What one server has logged after `seen`, which grows with each transaction that is read.

    `tables`: those to be looked for, by the names that they have in the log.
    """

    connect: Connect
    server_id: int
    tables: Mapping[TableName, Table]
    seen: GtidSet

    def until(
        self, executed: GtidSet, limit_s: float, keep: Callable[[], None] = lambda: None
    ) -> Iterator[LoggedTransaction]:
        """Each transaction that is about one of the tables, until all of `executed` was seen.

        Ends early, `limit_s` after the first transaction has come: `has_seen` says so. Until then
        the server looks for it, from the beginning of a file of perhaps a gigabyte; were that time
        counted, a search might never come to anything. `keep` is called again and again meanwhile.

        Raises:
            RetryableError: the server does not answer.
            FatalError: the log can't be read, or is no longer there.
        """
        if self.has_seen(executed):
            return
        deadline = time.monotonic() + _LOOKED_FOR_S
        begun = False
        reader = self._reader()
        try:
            for transaction in reader:
                keep()
                if transaction.gtid:  # else it is quiet
                    self.seen.add(transaction.gtid)
                    if not begun:
                        begun, deadline = True, time.monotonic() + limit_s
                if transaction.found:
                    yield transaction
                if self.has_seen(executed) or time.monotonic() > deadline:
                    return
        finally:
            reader.close()

    def has_seen(self, executed: GtidSet) -> bool:
        return self.seen.contains(executed)

    def _reader(self) -> LogReader[LoggedTransaction]:
        def decoding(ignores_case: bool) -> Feed[LoggedTransaction]:
            return _Search(self.tables, ignores_case).feed

        position = str(self.seen)
        return LogReader(self.connect, self.server_id, position, _HEARTBEAT_S, decoding)
