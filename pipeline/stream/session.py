"""One session of the streamer: from the committed position until something ends it."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

from pymysql.connections import Connection as RawConnection
from sqlalchemy import Connection

from pipeline.control.chunk_checks import require_all_again
from pipeline.control.events import log_event
from pipeline.control.leases import Lease, Renewal, fence
from pipeline.control.migration_tables import read_tables
from pipeline.control.migrations import read_migration
from pipeline.control.streams import StreamState, note_streamed_server, read_stream
from pipeline.control.throttles import read_throttle
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import Migration, MigrationTable
from pipeline.domain.role import Role
from pipeline.domain.stages import WRITES_BLOCKED, Stage, wants_stream
from pipeline.errors import FatalError, RetryableError
from pipeline.mysql.durability import log_identity
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import Pools
from pipeline.mysql.servers import table_exists
from pipeline.mysql.table import TableName
from pipeline.step.source import is_as_planned, require_history
from pipeline.stream.applier import RENAME_MARK, Applier
from pipeline.stream.queue import EventQueue
from pipeline.stream.reader import BinlogReader

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
        self._renewal = Renewal(lease, self._renew)
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
        self._check_source(state)
        self._check_target()
        begun()
        reader = self._new_reader(state)
        feeding = threading.Thread(target=self.queue.feed, args=(reader,), daemon=True)
        feeding.start()
        try:
            self._loop()
        finally:
            self.applier.connection.rollback()
            self.queue.close()
            reader.close()
            feeding.join(timeout=5)

    def _check_source(self, state: StreamState) -> None:
        """The log goes on where the position is, on a server that has kept it; or all is verified.

        Raises:
            FatalError: the source has lost transactions that were applied.
        """
        with self.pools.begin(self.migration.source) as source:
            found = log_identity(source)
            require_history(source, state)
        if found == state.source_identity:
            return
        with self.pools.begin(self.target) as control:
            read_stream(control, self.migration.id, lock=True)
            for table in self.tables:
                require_all_again(control, table)
            note_streamed_server(control, self.migration.id, found)
            what = (
                "the source is another server now, or has restarted and may have lost what it had"
                f" committed last ({found}); every row is verified again"
            )
            log_event(control, self.migration.id, EventKind.SOURCE, what, Role.STREAM)
            fence(control, self.lease)

    def _check_target(self) -> None:
        """
        Raises:
            FatalError: a table is gone; each write to it would look like trouble that passes.
        """
        with self.pools.begin(self.target) as control:
            gone = [
                table.target for table in self.tables if not table_exists(control, table.target)
            ]
            fence(control, self.lease)  # else it may have been swapped in
        if gone:
            raise FatalError(
                f"{', '.join(map(str, gone))} on {self.target} is gone: somebody has dropped or"
                " renamed it.",
                "If it was renamed, give it that name again, then: tranship resume ID. Else abort,"
                " clean up and start again.",
            )

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
                self._renewal.keep()
                self._refresh_facts()
                self.stopping.wait(_REFRESH_S / 2)
                continue
            event = self.queue.get(self._wait_s)
            if event is not None:
                self.applier.handle(event)
            elif self._has_time_to_commit():
                self.applier.commit()
                self._renewal.renewed()
            self._renewal.keep()
            self._refresh_facts()

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
