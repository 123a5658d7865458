"""Applies the source's changes to the target, exactly once.

I1: the row changes of a batch and the position after it commit in one target transaction.
The position includes a transaction when it ENDS, never at its GTID event, and only here:
transactions on other tables, empty ones and DDL pass through in the same order. (gh-ost's
move-tables counted a transaction at its start; a kill in the middle lost the rest of it.)

A batch holds many source transactions, bounded by rows, bytes and time. A source transaction
larger than a batch is written statement by statement into one target transaction, which commits
with its last row; memory stays flat.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from pipeline.configuration.settings import Stream
from pipeline.control.leases import Lease, fence
from pipeline.control.streams import move_position, read_stream
from pipeline.domain.migration import MigrationTable
from pipeline.errors import DefectError, RetryableError, StartOverError
from pipeline.mysql.failures import driver_errors, made_way
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import roll_back
from pipeline.mysql.table import TableName
from pipeline.pausepoints import Point, reached
from pipeline.stream.batch import TableBatch
from pipeline.stream.events import (
    Event,
    Heartbeat,
    RowsChange,
    StatementSeen,
    TransactionBegin,
    TransactionEnd,
)

log = logging.getLogger(__name__)
_TRIES = 14
_LONGEST_PAUSE_S = 0.4  # chunks of an alter hold their locks for about half a second
_HURRIED_S = 0.02  # in place of `batch_s`
RENAME_MARK = "/* tranship "


@dataclass
class Applier:
    """Applies events in the order in which they arrive, on one connection."""

    connection: Connection
    lease: Lease
    position: GtidSet
    prepared_xa: tuple[str, ...]  # at the position
    tables: Mapping[TableName, MigrationTable]
    settings: Stream
    target_name: str
    batches: int  # committed so far, by any streamer
    logs_keys: bool  # verification has begun
    is_unchanged: Callable[[TableName], bool]  # whether a table is as it was at the start
    tombstones: bool = True
    takes_back: str | None = None  # the migration of which this is the way back
    source_time: float = 0.0  # of the last transaction, by the source's clock
    hurries: bool = False  # writes are blocked: whoever drains waits for each commit
    swap_seen: bool = False  # the swap was seen; nothing after it is ours
    _cut_over_seen: bool = False  # our own rename is part of the batch
    _batches: dict[TableName, TableBatch] = field(default_factory=dict)
    _inside: bool = False  # within a source transaction
    _spilled: bool = False  # part of the batch is written already, and no longer in memory
    _transaction_ended: bool = False  # a source transaction has ended since the last commit
    _rows: int = 0
    _bytes: int = 0
    _rows_written: int = 0
    _keys_logged: int = 0
    _since: float = 0.0

    def handle(self, event: Event) -> None:
        """Take in the next event; write or commit if the batch is full.

        Raises:
            FatalError: DDL or a statement on one of the tables; all before it is committed.
            FencedError: somebody else streams this migration now.
            RetryableError: the stream has to begin again from the committed position.
        """
        if self.swap_seen:
            return
        match event:
            case RowsChange():
                self._add(event)
            case TransactionBegin():
                self._inside = True
            case TransactionEnd():
                self._end(event)
            case StatementSeen():
                self._stop_at(event)
            case Heartbeat():
                pass

    @property
    def idle(self) -> bool:
        """Whether nothing is waiting to be committed."""
        return not (self._inside or self._transaction_ended)

    @property
    def due(self) -> bool:
        """Whether it is time to commit; never within a source transaction."""
        if self._inside or not self._transaction_ended:
            return False
        longest_s = _HURRIED_S if self.hurries else self.settings.batch_s
        return self._full or self._cut_over_seen or self.waiting_s >= longest_s

    @property
    def has_rows(self) -> bool:
        """Whether rows are waiting to be committed, and not only a position."""
        return bool(self._rows) or self._spilled

    @property
    def waiting_s(self) -> float:
        """For how long the oldest part of the batch has been waiting."""
        return time.monotonic() - self._since

    @property
    def between_transactions(self) -> bool:
        return not self._inside

    @property
    def _full(self) -> bool:
        return (
            self._distinct_rows >= self.settings.batch_rows
            or self._bytes >= self.settings.batch_bytes
            or self._spilled
        )

    @property
    def _distinct_rows(self) -> int:
        """How many rows are to be written, however often each of them was changed."""
        return sum(len(batch.rows) for batch in self._batches.values())

    def _add(self, change: RowsChange) -> None:
        self._inside = True  # rows belong to a transaction, whatever announces it
        self._started()
        batch = self._batches.get(change.table)
        if batch is None:
            table = self.tables[change.table]
            batch = self._batches[change.table] = TableBatch(table, self.tombstones)
        batch.add(change)
        self._rows += max(len(change.before), len(change.after))
        self._bytes += change.size
        # Some slack over batch_rows: most transactions end soon, and can be retried then.
        too_many = self._distinct_rows >= 2 * self.settings.batch_rows
        if too_many or self._bytes >= self.settings.batch_bytes:
            self._spill()

    def _end(self, event: TransactionEnd) -> None:
        self._started()
        self.position.add(event.gtid)
        self.prepared_xa = event.prepared_xa
        self._inside, self._transaction_ended = False, True
        self.source_time = event.timestamp
        if self.due:
            self.commit()

    def _started(self) -> None:
        if not self._transaction_ended and not self._rows and not self._spilled:
            self._since = time.monotonic()

    def _stop_at(self, seen: StatementSeen) -> None:
        if RENAME_MARK + self.lease.migration_id in seen.sql:  # our own cut-over
            self._cut_over_seen = True
            # From here on a swapped table's name is another table's.
            self.swap_seen = any(table.placement.swapped for table in self.tables.values())
            return
        if self.takes_back is not None and RENAME_MARK + self.takes_back in seen.sql:
            return  # it gave the tables their names, after the position was read
        if seen.inert and self.is_unchanged(seen.table):
            log.info("%s on %s changes nothing: %s", seen.verb, seen.table, seen.sql[:200])
            return
        self._inside = False
        self.commit()
        raise StartOverError(
            f"{seen.verb} on {seen.table} was seen in the source's binary log at {seen.gtid}:"
            " the table is no longer what it was at the start.",
            "Change tables before or after a migration.",
        )

    def _spill(self) -> None:
        reached(Point.STREAM_BATCH)
        with driver_errors(self.target_name):
            self._write()
        self._spilled = True

    def commit(self) -> None:
        """Commit everything up to the end of the last source transaction, with the position."""
        if self._inside:
            raise DefectError("a commit in the middle of a source transaction")
        reached(Point.STREAM_BATCH)
        for attempt in range(_TRIES):
            try:
                self._commit_once()
                break
            except Exception as error:
                roll_back(self.connection)
                if not self._may_retry(error, attempt):
                    raise
                time.sleep(random.uniform(0, min(_LONGEST_PAUSE_S, 0.01 * 2**attempt)))
        self.batches += 1
        self._forget()
        reached(Point.STREAM_COMMITTED)

    def _may_retry(self, error: Exception, attempt: int) -> bool:
        """A batch that lost a deadlock against a chunk is still in memory, unless spilled.

        Not on another connection: whoever shuts us out ends the one that the lease names.
        """
        in_memory = not self._spilled and not self.connection.invalidated
        return made_way(error) and in_memory and attempt + 1 < _TRIES

    def _commit_once(self) -> None:
        with driver_errors(self.target_name):
            self._write()
            reached(Point.STREAM_FLUSHED)
            target, migration_id = self.connection, self.lease.migration_id
            # Locks the stream's row: a verification begins before this batch, or after it.
            stream = read_stream(target, migration_id, lock=True)
            if stream.logs_keys and not self.logs_keys:
                self._begin_log()
            move_position(
                target, migration_id, self.position, self.prepared_xa, self._rows_written,
                self.source_time,
            )  # fmt: skip
            fence(target, self.lease)
            if stream.batches != self.batches:  # our keys would replace those of another batch
                raise DefectError(f"batch {self.batches + 1} comes after batch {stream.batches}")
            reached(Point.STREAM_BEFORE_COMMIT)
            target.commit()

    def _write(self) -> None:
        """Write what is in memory."""
        if not self.connection.in_transaction():
            self.connection.begin()
            self._rows_written = self._keys_logged = 0
        for batch in self._batches.values():
            batch.write(self.connection)
        if self.logs_keys:
            self._log_keys()
        self._rows_written += self._rows
        if self._inside:
            self._batches.clear()
            self._rows = self._bytes = 0

    def _begin_log(self) -> None:
        """From now on keys are logged; those of this batch, too, which is written already.

        Raises:
            RetryableError: part of it is not in memory any more; it has to be read again.
        """
        self.logs_keys = True
        if self._spilled:
            raise RetryableError("Verification has begun; a large transaction is applied again.")
        self._log_keys()

    def _log_keys(self) -> None:
        for batch in self._batches.values():
            batch.log_keys(self.connection, self.batches + 1, self._keys_logged)
            self._keys_logged += len(batch.rows)

    def _forget(self) -> None:
        self._batches.clear()
        self._rows = self._bytes = self._rows_written = 0
        self._spilled = self._transaction_ended = self._cut_over_seen = False
