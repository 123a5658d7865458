"""Applies the source's changes to the target, exactly once.

I1: the row changes of a batch and the position after it commit in one target transaction.
The position includes a transaction when it ENDS, never at its GTID event, and only here:
transactions on other tables, empty ones and DDL pass through in the same order. (gh-ost's
move-tables counted a transaction at its start; a kill in the middle lost the rest of it.)

A batch holds many source transactions, bounded by rows, bytes and time. A source transaction
larger than a batch is written statement by statement into one target transaction, which commits
with its last row; memory stays flat.

A batch with a row that does not fit stays in memory, and grows up to what the source has executed
by then, to several times its size: only the last image of a row counts, and that may fit.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from sqlalchemy import Connection

from pipeline.configuration.settings import Stream
from pipeline.control.leases import Lease, fence
from pipeline.control.streams import move_position, read_stream
from pipeline.control.way_back import verify_late_writes
from pipeline.domain.migration import MigrationTable
from pipeline.errors import DefectError, DoesNotFitError, RetryableError, StartOverError
from pipeline.mysql.failures import driver_errors, made_way
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import roll_back
from pipeline.mysql.table import TableName
from pipeline.pausepoints import Point, reached
from pipeline.renewal import renewed
from pipeline.stream.events import (
    Event,
    FormerRows,
    Heartbeat,
    RowsChange,
    StatementSeen,
    TransactionBegin,
    TransactionEnd,
)
from pipeline.stream.gathered import Gathered

log = logging.getLogger(__name__)
_TRIES = 14
_LONGEST_PAUSE_S = 0.4  # chunks of an alter hold their locks for about half a second
_HURRIED_S = 0.02  # in place of `batch_s`
_GROWN = 32  # times the size of a batch
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
    executed: Callable[[], GtidSet] = GtidSet  # by the source
    renew: Callable[[], None] = lambda: None  # the lease, on another connection
    before_swap: bool = False  # that an alter makes; nothing is committed until it is seen
    source_time: float = 0.0  # of the last transaction, by the source's clock
    hurries: bool = False  # writes are blocked: whoever drains waits for each commit
    swap_seen: bool = False  # the swap was seen; nothing after it is ours
    _cut_over_seen: bool = False  # our own rename is part of the batch
    _gathered: Gathered = field(default_factory=Gathered)
    _former: set[TableName] = field(default_factory=set)  # whose rows were passed over
    _grows_until: GtidSet | None = None  # the batch has a row that does not fit
    _inside: bool = False  # within a source transaction
    _spilled: bool = False  # part of the batch is written already, and no longer in memory
    _transaction_ended: bool = False  # a source transaction has ended since the last commit
    _rows_written: int = 0
    _keys_logged: int = 0
    _since: float = 0.0

    def handle(self, event: Event) -> None:
        """Take in the next event; write or commit if the batch is full.

        Raises:
            FatalError: DDL or a statement on one of the tables, or a row that can't be written.
            FencedError: somebody else streams this migration now.
            RetryableError: the stream has to begin again from the committed position.
        """
        if self.swap_seen:
            return
        match event:
            case RowsChange():
                self._add(event)
            case FormerRows():
                self._former.add(event.table)
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
        if self.grows:
            return self._full
        longest_s = _HURRIED_S if self.hurries else self.settings.batch_s
        return self._full or self._cut_over_seen or self.waiting_s >= longest_s

    @property
    def grows(self) -> bool:
        """Whether the batch does not fit, and more of the log may mend that."""
        return self._grows_until is not None and not self.position.contains(self._grows_until)

    @property
    def has_rows(self) -> bool:
        """Whether rows are waiting to be committed, and not only a position."""
        return bool(self._gathered.changes) or self._spilled

    @property
    def waiting_s(self) -> float:
        """For how long the oldest part of the batch has been waiting."""
        return time.monotonic() - self._since

    @property
    def between_transactions(self) -> bool:
        return not self._inside

    @property
    def _full(self) -> bool:
        return self._spilled or self._gathered.is_full(self.settings, self._times)

    @property
    def _times(self) -> int:
        """How many times the size of a batch it may have."""
        return _GROWN if self.grows else 1

    def _add(self, change: RowsChange) -> None:
        self._inside = True  # rows belong to a transaction, whatever announces it
        self._started()
        self._gathered.add(change, self.tables[change.table], self.tombstones)
        if self._gathered.overflows(self.settings, self._times):
            self._spill()

    def _end(self, event: TransactionEnd) -> None:
        self._started()
        self.position.add(event.gtid)
        self.prepared_xa = event.prepared_xa
        self._inside, self._transaction_ended = False, not self.before_swap
        self.source_time = event.timestamp
        if self.due:
            self.commit()

    def _started(self) -> None:
        if not self._transaction_ended and not self.has_rows:
            self._since = time.monotonic()

    def _stop_at(self, seen: StatementSeen) -> None:
        if RENAME_MARK + self.lease.migration_id in seen.sql:  # our own cut-over
            self._cut_over_seen = True
            # From here on a swapped table's name is another table's.
            self.swap_seen = any(table.placement.swapped for table in self.tables.values())
            return
        if self.takes_back is not None and RENAME_MARK + self.takes_back in seen.sql:
            self.before_swap = False
            return  # it gave the tables their names, after the position was read
        if seen.inert and self.is_unchanged(seen.table):
            log.info("%s on %s changes nothing: %s", seen.verb, seen.table, seen.sql[:200])
            return
        self._inside = False
        if not self.idle:
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
        """Commit everything up to the end of the last source transaction, with the position.

        A batch that does not fit is not committed yet if more of the log may mend that.
        """
        if self._inside:
            raise DefectError("a commit in the middle of a source transaction")
        reached(Point.STREAM_BATCH)
        for attempt in range(_TRIES):
            try:
                with self._lease_renewed():
                    self._commit_once()
                break
            except Exception as error:
                roll_back(self.connection)
                if self.connection.invalidated:
                    raise  # another one is not that which the lease names for others to end
                if self._begins_to_grow(error):
                    return
                if not self._may_retry(error, attempt):
                    raise
                time.sleep(random.uniform(0, min(_LONGEST_PAUSE_S, 0.01 * 2**attempt)))
        self.batches += 1
        self._forget()
        reached(Point.STREAM_COMMITTED)

    def _may_retry(self, error: Exception, attempt: int) -> bool:
        """A batch that lost a deadlock against a chunk is still in memory, unless spilled."""
        return made_way(error) and not self._spilled and attempt + 1 < _TRIES

    def _begins_to_grow(self, error: Exception) -> bool:
        """Whether the batch is tried again when it is larger: once, and if it is all in memory."""
        again = self._spilled or self._grows_until is not None
        if again or not isinstance(error, DoesNotFitError):
            return False
        self._grows_until = self.executed()
        if self.grows:
            log.info("a batch grows, since a row may have been corrected: %s", error)
        return self.grows

    def _lease_renewed(self) -> AbstractContextManager[None]:
        """Only a batch that has grown takes long."""
        has_grown = self._grows_until is not None
        return renewed(self.renew, self.lease.ttl_s) if has_grown else nullcontext()

    def _commit_once(self) -> None:
        with driver_errors(self.target_name):
            self._write()
            reached(Point.STREAM_FLUSHED)
            target, migration_id = self.connection, self.lease.migration_id
            # Locks the stream's row: a verification begins before this batch, or after it.
            stream = read_stream(target, migration_id, lock=True)
            if stream.logs_keys and not self.logs_keys:
                self._begin_log()
            for name in self._former:
                verify_late_writes(target, self.tables[name])
            xa, rows = self.prepared_xa, self._rows_written
            move_position(target, migration_id, self.position, xa, rows, self.source_time)
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
        self._gathered.write(self.connection)
        if self.logs_keys:
            self._log_keys()
        self._rows_written += self._gathered.changes
        if self._inside:
            self._gathered.clear()

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
        number, place = self.batches + 1, self._keys_logged
        self._keys_logged = self._gathered.log_keys(self.connection, number, place)

    def _forget(self) -> None:
        self._gathered.clear()
        self._former.clear()
        self._rows_written = 0
        self._grows_until = None
        self._spilled = self._transaction_ended = self._cut_over_seen = False
