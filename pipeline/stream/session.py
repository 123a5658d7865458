"""One session of the streamer: from the committed position until something ends it."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pymysql.connections import Connection as RawConnection
from sqlalchemy import Connection

from pipeline.control.leases import Lease, Renewal, fence
from pipeline.control.migration_tables import read_tables
from pipeline.control.migrations import read_migration
from pipeline.control.streams import StreamState, read_stream
from pipeline.control.throttles import read_throttle
from pipeline.domain.migration import Migration, MigrationTable
from pipeline.domain.stages import WRITES_BLOCKED, Stage, wants_stream
from pipeline.errors import RetryableError, TranshipError
from pipeline.mysql.failures import driver_errors
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import Pools, roll_back
from pipeline.mysql.table import TableName
from pipeline.step.source import is_as_planned
from pipeline.stream.applier import RENAME_MARK, Applier
from pipeline.stream.checks import check_source, check_target
from pipeline.stream.queue import EventQueue
from pipeline.stream.reader import BinlogReader

READER = "binlog-reader"
_QUIET_S = 0.02  # without an event for so long, commit what there is: the batch will not fill
# An alter reads its own commits back. Without a pause each would lead to the next.
_OWN_ECHO_S = 0.2
_REFRESH_S = 0.5
_REFRESH_OFTEN_S = 0.1  # a cut-over may begin, and would wait for what is not committed
_SENDER_WAITS_S = 3600


class StreamSession:
    """Reads from the committed position on, applies, keeps the lease."""

    def __init__(
        self,
        pools: Pools,
        target: str,
        lease: Lease,
        data: Connection,
        stopping: threading.Event,
    ) -> None:
        self.pools, self.target, self.lease = pools, target, lease
        self.stopping = stopping
        self.queue = EventQueue(pools.settings.stream.queue_bytes)
        self.migration, self.tables = self._read_facts()
        self.applier = self._new_applier(data)
        self._batches_before = self.applier.batches
        self._renewal = Renewal(lease, self._renew_where_idle)
        self._refreshed = time.monotonic()
        self._yields = False

    def run(self, begun: Callable[[], None] = lambda: None) -> None:
        """Stream until asked to stop, or until the stage no longer wants a stream.

        `begun` is called once both servers have answered.

        Raises:
            FencedError, RetryableError, FatalError: nothing uncommitted stays.
        """
        with self.pools.begin(self.target) as control:
            state = read_stream(control, self.lease.migration_id)
        check_source(self.pools, self.lease, self.migration, self.tables, state)
        check_target(self.pools, self.lease, self.migration, self.tables)
        begun()
        reader = self._new_reader(state)
        with self._fed_by(reader):
            try:
                self._loop()
            finally:
                roll_back(self.applier.connection)

    @property
    def has_committed(self) -> bool:
        """Whether it has come further than the session before it."""
        return self.applier.batches > self._batches_before

    @contextmanager
    def _fed_by(self, reader: BinlogReader) -> Iterator[None]:
        """Have `reader` fill the queue in a thread of its own, which ends with the work inside."""
        feed = self.queue.feed
        feeding = threading.Thread(target=feed, args=(reader,), name=READER, daemon=True)
        feeding.start()
        try:
            yield
        finally:
            self.queue.close()
            reader.close()
            feeding.join(timeout=5)

    def _is_unchanged(self, name: TableName) -> bool:
        """Whether a table is still there, as it was planned.

        Raises:
            RetryableError: writes are blocked, so what has its name now tells nothing.
        """
        (table,) = (one for one in self.tables if one.source == name)
        self._require_names_stay(name)
        with self.pools.begin(self.migration.source) as source:
            unchanged = is_as_planned(source, table)
        self._require_names_stay(name)
        return unchanged

    def _require_names_stay(self, name: TableName) -> None:
        """The streamer begins again and again, until the cut-over has given the name back."""
        if self._read_facts()[0].stage in WRITES_BLOCKED:
            raise RetryableError(
                f"{name} is being cut over; whether a statement has changed it is seen afterwards."
            )

    def _loop(self) -> None:
        while not self._may_leave():
            if self._yields:
                self.stopping.wait(_REFRESH_S / 2)
            else:
                self._take_event()
            self._renewal.keep()
            self._require_connection()
            self._refresh_facts()

    def _take_event(self) -> None:
        """Hand the next event to the applier; if none comes soon, have it commit what it has."""
        event = self.queue.get(self._wait_s)
        if event is not None:
            self.applier.handle(event)
        elif self._has_time_to_commit():
            self.applier.commit()
            self._renewal.renewed()

    @property
    def _wait_s(self) -> float:
        """How long to wait for an event before what there is may be committed."""
        ready = self.applier.between_transactions and not self.applier.idle
        return 0.0 if ready and self.applier.hurries else _QUIET_S

    def _has_time_to_commit(self) -> bool:
        if self.applier.idle or self.applier.grows or not self.applier.between_transactions:
            return False
        echoes = self.migration.source == self.migration.target and not self.applier.hurries
        return not echoes or self.applier.has_rows or self.applier.waiting_s > _OWN_ECHO_S

    def _may_leave(self) -> bool:
        if self.applier.swap_seen:
            return True
        if not (self.stopping.is_set() or not wants_stream(self.migration.stage)):
            return False
        between = self.applier.between_transactions and not self.applier.idle
        if between and not self.applier.grows:
            self.applier.commit()
        # In the middle of a source transaction nothing of that is kept; it is read again.
        return True

    def _renew_where_idle(self) -> None:
        """Renew the lease; between batches on the applier's connection, which that keeps alive.

        The server closes one that is idle for `timeouts.idle_s`, as it is while nobody writes.
        """
        data = self.applier.connection
        if data.in_transaction():
            self._renew()
            return
        try:
            with driver_errors(self.target):
                fence(data, self.lease)
                data.commit()
        except TranshipError:
            roll_back(data)  # else it would never count as idle again, and be closed
            raise

    def _require_connection(self) -> None:
        """
        Raises:
            RetryableError: the applier's connection is lost, and the lease names no other.
        """
        if self.applier.connection.invalidated:
            raise RetryableError(f"Server {self.target}: the connection was lost.")

    def _renew(self) -> None:
        """Renew the lease on another connection: the applier's transaction may be a long one."""
        with self.pools.begin(self.target) as control:
            fence(control, self.lease)

    def _refresh_facts(self) -> None:
        now = time.monotonic()
        often = self.migration.stage is Stage.READY or self.applier.hurries
        if now - self._refreshed > (_REFRESH_OFTEN_S if often else _REFRESH_S):
            self.migration, self.tables = self._read_facts()
            self._yields = self._read_throttle()
            self.applier.tombstones = not all(table.copied for table in self.tables)
            self.applier.hurries = self.migration.stage in WRITES_BLOCKED
            self._refreshed = now

    def _read_throttle(self) -> bool:
        """Whether the stream yields: as an option, between transactions, not in a cut-over."""
        if not self.pools.settings.throttle.stream or self.migration.stage in WRITES_BLOCKED:
            return False
        with self.pools.begin(self.target) as control:
            throttled = read_throttle(control, self.lease.migration_id).throttled
        return throttled and self.applier.between_transactions

    def _read_facts(self) -> tuple[Migration, list[MigrationTable]]:
        with self.pools.begin(self.target) as control:
            migration = read_migration(control, self.lease.migration_id)
            return migration, read_tables(control, migration.id)

    def _new_applier(self, data: Connection) -> Applier:
        with self.pools.begin(self.target) as control:
            state = read_stream(control, self.lease.migration_id)
        back = self.migration.request.back
        return Applier(
            connection=data,
            lease=self.lease,
            position=state.position,
            prepared_xa=state.prepared_xa,
            tables={table.source: table for table in self.tables},
            settings=self.pools.settings.stream,
            target_name=self.target,
            batches=state.batches,
            logs_keys=state.logs_keys,
            is_unchanged=self._is_unchanged,
            tombstones=not all(table.copied for table in self.tables),
            takes_back=back.of if back is not None else None,
            executed=self._executed,
            renew=self._renew,
            before_swap=self._swap_mark(state) is not None,
            source_time=state.source_time,
        )

    def _executed(self) -> GtidSet:
        with self.pools.begin(self.migration.source) as source:
            return executed_gtids(source)

    def _new_reader(self, state: StreamState) -> BinlogReader:
        return BinlogReader(
            connect=self._connect_to_source,
            server_id=replica_id(self.lease),
            tables={table.source: table.definition for table in self.tables},
            # After a cut-over's rename the rows may be logged under another name.
            aliases={table.blocked_name: table.source for table in self.tables},
            position=str(state.position),
            prepared_xa=state.prepared_xa,
            heartbeat_s=self.pools.settings.stream.heartbeat_s,
            swap_mark=self._swap_mark(state),
        )

    def _swap_mark(self, state: StreamState) -> str | None:
        """What tells the swap after which the way back of an alter begins, if it is still to come.

        The position of such a stream is that of the alter's proof, and the first batch that
        commits contains the swap.
        """
        back = self.migration.request.back
        swapped = all(table.placement.swapped for table in self.tables)
        if back is None or not swapped or state.batches > 0:
            return None
        return RENAME_MARK + back.of

    def _connect_to_source(self, **arguments: Any) -> RawConnection[Any]:
        connection = self.pools.connect(self.migration.source, **arguments)
        with connection.cursor() as cursor:
            # A slow target must slow the source's sender down, not end it.
            cursor.execute(f"SET SESSION net_write_timeout = {_SENDER_WAITS_S}")
        return connection


def replica_id(lease: Lease) -> int:
    """A server id that no real replica is likely to have, and no two streams share.

    A source ends an older dump that uses the same id, so each epoch takes its own.
    """
    text = f"{lease.migration_id}/{lease.epoch}".encode()
    return 0x40000000 + zlib.crc32(text) % 0x3FFFFFFF
