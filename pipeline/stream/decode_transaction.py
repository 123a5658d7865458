"""Turns raw binary log events into the reader's events, for the migration's tables.

Its state is small: the open GTID, whether a transaction is open, whether that holds rows of the
migration's tables, and which XA transactions are prepared. Every GTID yields TransactionBegin and
TransactionEnd. An event type that is not known to be without rows stops the stream: nothing is
skipped because it is unknown. Neither is text that may change rows: a view, a trigger or a function
may take it to a table that it does not name.

Rows are trusted only if they take effect as logged, at the end of this GTID. So rows of the
migration's tables in a prepared XA transaction, or before a ROLLBACK that the log holds, are
refused. So is the commit of an XA transaction that was prepared before the stream began: its rows
are where it was prepared. Which ones the stream has seen goes along with the position.

The way back of an alter begins shortly before the swap that gives the name to its table. Until that
is seen, rows under the name are those of the table that had it, and only that there are some is
told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.errors import FatalError, StartOverError
from pipeline.mysql.statements import Classified, StatementKind, classify
from pipeline.mysql.table import Table, TableName
from pipeline.mysql.xa import xa_name
from pipeline.stream import decode_log as log
from pipeline.stream.decode_log import RawEvent
from pipeline.stream.decode_tablemap import parse_table_map, table_id, table_name
from pipeline.stream.events import (
    Event,
    FormerRows,
    Heartbeat,
    StatementSeen,
    TransactionBegin,
    TransactionEnd,
)
from pipeline.stream.payload import embedded_events
from pipeline.stream.rowdecoder import CHANGES, RowDecoder

# Types that hold no rows and end no transaction, by MySQL's and MariaDB's numbers.
WITHOUT_ROWS = frozenset(
    {
        log.STOP, log.ROTATE, log.FORMAT_DESCRIPTION, log.PREVIOUS_GTIDS,
        log.INTVAR, log.RAND, log.USER_VAR,  # context of a statement that follows
        log.APPEND_BLOCK, log.DELETE_FILE, log.BEGIN_LOAD_QUERY,  # data of a LOAD statement
        log.ROWS_QUERY, log.TRANSACTION_CONTEXT, log.VIEW_CHANGE,
        log.MARIADB_ANNOTATE_ROWS, log.MARIADB_CHECKPOINT, log.MARIADB_GTID_LIST,
    }
)  # fmt: skip
_NO_TABLE = 0xFFFFFF  # table id of a rows event that only ends a statement


class TransactionDecoder:
    """Decodes the raw events of one connection, which it is fed in order."""

    def __init__(
        self,
        tables: Mapping[TableName, Table],
        aliases: Mapping[TableName, TableName],
        ignore_case: bool = False,
        prepared_xa: tuple[str, ...] = (),
        swap_mark: str | None = None,
    ) -> None:
        """`swap_mark`: what the statement holds from which on the names are the tables'."""
        self._ignore_case = ignore_case
        named = {**tables, **{alias: tables[name] for alias, name in aliases.items()}}
        self._tables = {self._folded(name): table for name, table in named.items()}
        self._decoders: dict[bytes, RowDecoder] = {}
        self._by_id: dict[int, RowDecoder | None] = {}
        self._swap_mark = swap_mark  # None once it is seen
        self._former: set[TableName] = set()  # under which this transaction changes other tables
        self._gtid = ""
        self._committed: float | None = None  # when, if its GTID event says so
        self._open = False  # between BEGIN and its end
        self._touched = False  # there were rows of the migration's tables since BEGIN
        self._prepared_xa = prepared_xa
        self._xa = ""  # the XA transaction that has begun

    def feed(self, event: RawEvent) -> Iterator[Event]:
        """The reader's events for `event`.

        Raises:
            FatalError: it can't be followed exactly.
        """
        kind = event.type
        if kind in CHANGES:
            yield from self._rows(event)
        elif kind == log.TABLE_MAP:
            self._map(event)
        elif kind == log.XID:
            yield from self._end(event)
        elif kind == log.QUERY and log.is_begin(event):
            self._open = True
        elif kind in (log.QUERY, log.EXECUTE_LOAD_QUERY):
            yield from self._statement(event)
        elif kind in (log.HEARTBEAT, log.HEARTBEAT_V2):
            yield Heartbeat()
        elif kind == log.TRANSACTION_PAYLOAD:
            for data in embedded_events(event.data, event.at, event.end):
                yield from self.feed(RawEvent.parse(data, 0, len(data)))
        elif kind not in WITHOUT_ROWS:
            yield from self._rarer(event)

    def _rarer(self, event: RawEvent) -> Iterator[Event]:
        if event.type == log.GTID:
            self._committed = log.mysql_commit_time(event)
            yield self._begin(log.mysql_gtid(event))
        elif event.type == log.MARIADB_GTID:
            found = log.mariadb_gtid(event)
            if found.xa:
                raise _xa_refused(found.gtid)
            yield self._begin(found.gtid)
            self._open = not found.standalone
        elif event.type == log.XA_PREPARE:
            yield from self._xa_prepare(event)
        elif event.type == log.PARTIAL_UPDATE_ROWS:
            self._refuse_partial(event)
        else:
            raise _unknown(event.type)

    def _begin(self, gtid: str) -> Event:
        if self._gtid:
            raise StartOverError(
                f"Transaction {self._gtid} of the source's binary log has no end before {gtid}.",
                "Tranship does not know this case.",
            )
        self._gtid, self._open, self._touched = gtid, False, False
        return TransactionBegin(gtid)

    def _end(self, event: RawEvent) -> Iterator[Event]:
        if not self._gtid:
            raise _no_gtid()
        # Whole seconds are told as if each was over, or a stream without lag would show some.
        committed = self._committed or event.timestamp + 1
        for name in self._former:
            yield FormerRows(name)
        yield TransactionEnd(self._gtid, committed, self._prepared_xa)
        self._gtid, self._open, self._touched = "", False, False
        self._by_id.clear()
        self._former.clear()

    def _folded(self, name: TableName) -> TableName:
        """A server that ignores case may log another spelling than the one it shows."""
        if not self._ignore_case:
            return name
        return TableName(name.schema.lower(), name.name.lower())

    def _map(self, event: RawEvent) -> None:
        number = table_id(event.data, event.at)
        name, _ = table_name(event.data, event.at)
        table = self._tables.get(self._folded(name))
        if table is not None and self._swap_mark is not None:
            self._former.add(table.name)
            table = None
        self._by_id[number] = None if table is None else self._decoder(table, event)

    def _decoder(self, table: Table, event: RawEvent) -> RowDecoder:
        """The decoder for a table map, which comes before each statement's rows; compiled once."""
        body = bytes(event.data[event.at + 8 : event.end])
        decoder = self._decoders.get(body)
        if decoder is None:
            table_map = parse_table_map(event.data, event.at, event.end)
            decoder = self._decoders[body] = RowDecoder(table, table_map)
        return decoder

    def _rows(self, event: RawEvent) -> Iterator[Event]:
        number = table_id(event.data, event.at)
        if number == _NO_TABLE and number not in self._by_id:
            return
        if number not in self._by_id:
            raise StartOverError(
                f"A rows event of the source's binary log ({self._gtid}) names no table."
            )
        decoder = self._by_id[number]
        if decoder is not None:
            if not self._gtid:
                raise _no_gtid()
            self._touched = True
            yield decoder.decode(event.type, event.data, event.at, event.end)

    def _refuse_partial(self, event: RawEvent) -> None:
        decoder = self._by_id.get(table_id(event.data, event.at))
        if decoder is not None:
            raise StartOverError(
                f"{decoder.table.name}: the source logs partial JSON updates.",
                "Set binlog_row_value_options = '' for every session of the source.",
            )

    def _statement(self, event: RawEvent) -> Iterator[Event]:
        text = log.statement(event)
        found = classify(text.sql, text.schema, text.sql_mode)
        yield from self._seen(found, text.sql)
        match found.kind:
            case StatementKind.BEGIN:
                self._open = True
            case StatementKind.XA_START:
                self._open, self._xa = True, xa_name(text.sql)
            case StatementKind.XA_COMMIT | StatementKind.XA_ROLLBACK:
                self._xa_ended(found.kind, xa_name(text.sql))
                yield from self._end(event)
            case StatementKind.COMMIT:
                yield from self._end(event)
            case StatementKind.ROLLBACK | StatementKind.ROLLBACK_TO if self._touched:
                raise StartOverError(
                    f"Transaction {self._gtid} changes one of the tables and is partly rolled"
                    " back.",
                    "It mixes transactional and other tables.",
                )
            case StatementKind.ROLLBACK:
                yield from self._end(event)
            case StatementKind.ROWS | StatementKind.OPAQUE:
                raise self._text_refused(text.sql)
            case _ if found.opens_transaction:
                self._open = True
            case _ if not self._open:
                yield from self._end(event)

    def _text_refused(self, sql: str) -> FatalError:
        """Refuse text that changes rows, whatever it names.

        A view, a trigger, a foreign key or a function may take it to one of the tables.
        """
        return StartOverError(
            f"Transaction {self._gtid} may change one of the tables, logged as the statement"
            f" {sql[:200]!r} instead of rows.",
            "Some session has another binlog_format than ROW: end it, or set it there.",
        )

    def _seen(self, found: Classified, sql: str) -> Iterator[Event]:
        """One event for each table that a statement names, by the table's own name if aliased."""
        named = {
            table.name: None
            for name, table in self._tables.items()
            if found.touches(name, ignore_case=self._ignore_case)
        }
        for name in named:
            yield StatementSeen(name, found.verb, sql, self._gtid, found.inert)
        if self._swap_mark is not None and self._swap_mark in sql:
            self._swap_mark = None

    def _xa_prepare(self, event: RawEvent) -> Iterator[Event]:
        """End the GTID. Its rows take effect now only if it commits in one phase."""
        one_phase = bool(event.data[event.at])
        if self._touched and not one_phase:
            raise _xa_refused(self._gtid)
        if not one_phase:
            self._prepared_xa = (*self._prepared_xa, self._xa)
        yield from self._end(event)

    def _xa_ended(self, kind: StatementKind, name: str) -> None:
        if kind is StatementKind.XA_COMMIT and name not in self._prepared_xa:
            raise StartOverError(
                f"Transaction {self._gtid} commits XA transaction {name}, which was prepared before"
                " the stream began: it may hold rows of the tables."
            )
        self._prepared_xa = tuple(one for one in self._prepared_xa if one != name)


def _xa_refused(gtid: str) -> FatalError:
    return StartOverError(
        f"Transaction {gtid} is an XA transaction that changes one of the tables: when its rows"
        " take effect is decided later.",
        "Keep XA transactions away from these tables.",
    )


def _no_gtid() -> FatalError:
    return StartOverError(
        "The source's binary log holds a transaction without a GTID.",
        "Set gtid_mode = ON on the source.",
    )


def _unknown(number: int) -> FatalError:
    if number == log.ANONYMOUS_GTID:
        return _no_gtid()
    if number == log.GTID_TAGGED:
        return StartOverError(
            "The source's binary log holds a GTID with a tag, which is not supported.",
            "Use no tags in gtid_next while a migration runs.",
        )
    if number == log.INCIDENT:
        return StartOverError(
            "The source's binary log reports an incident: changes may be missing from it."
        )
    return StartOverError(
        f"The source's binary log holds an event of type {number}, which Tranship does not know."
        " It might hold rows, so it is not skipped.",
        "Check the server's version and its binary log options.",
    )
