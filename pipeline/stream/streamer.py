"""The streamer: reads the binary log for one migration and applies it, as long as it may.

Two threads and a queue bounded by bytes: one reads and decodes, the other writes; a slow
target stops the reader, so memory does not depend on the backlog. The right to stream is
the lease (I2): taking it kills the connection that an older holder may have left in the
middle of a transaction, and every commit proves the epoch. Streaming ends when the stage no
longer wants it, when asked to stop (what is complete is committed and the lease given
back), or when fenced out.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection
from structlog.contextvars import bound_contextvars

from pipeline.control.leases import Lease, fence, holder, release_lease, take_lease
from pipeline.control.migrations import read_stage, record_failure
from pipeline.domain.migration import Failure
from pipeline.domain.role import Role
from pipeline.domain.stages import wants_stream
from pipeline.errors import FencedError, RetryableError, TranshipError, defect
from pipeline.mysql.pools import Pools, connection_id, kill_connection
from pipeline.outages import Outages
from pipeline.stream.session import StreamSession

log = logging.getLogger(__name__)
_AGAIN_S = 1.0
_DEFECTS = 5
_STREAM = "the stream"


@dataclass
class Streamer:
    """Streams one migration."""

    pools: Pools
    target: str
    migration_id: str
    owner: str
    stopping: threading.Event = field(default_factory=threading.Event)
    outages: Outages = field(default_factory=lambda: Outages(log))
    _defects: int = 0  # in sessions in a row that have committed nothing

    def run(self) -> None:
        """Stream until there is nothing more to do here; record what stops it for good."""
        with bound_contextvars(migration=self.migration_id):
            self._run()

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                self._stream()
                return
            except FencedError as error:  # by a later one, or by the swap of an alter
                log.info("the streamer stops: %s", error)
                return
            except RetryableError as error:
                self.stopping.wait(self.outages.lost(_STREAM, error))
            except TranshipError as error:
                log.error("the streamer stops: %s", error)
                return
            except Exception:  # the driver raises anything when a connection is cut
                log.exception("the streamer begins again: a defect")
                self.stopping.wait(_AGAIN_S)

    def _stream(self) -> None:
        """One session, if the role is free."""
        with self.pools.engine(self.target).connect() as data:
            lease = self._take(connection_id(data))
            if lease is None:
                return
            try:
                with bound_contextvars(epoch=lease.epoch), self._failures_recorded(lease):
                    self._run_session(lease, data)
            finally:
                self._let_go(lease)

    def _run_session(self, lease: Lease, data: Connection) -> None:
        session = StreamSession(self.pools, self.target, lease, data, self.stopping)
        try:
            session.run(self._begun)
        finally:
            if session.has_committed:
                self._defects = 0

    def _begun(self) -> None:
        log.info("streaming")
        self.outages.back(_STREAM)

    def _take(self, data_connection: int) -> Lease | None:
        """Take the role, if it is free and the stage wants a stream."""
        ttl_s = self.pools.settings.timeouts.lease_s
        with self.pools.begin(self.target) as control:
            before = holder(control, self.migration_id, Role.STREAM)
        if before is not None and before.alive:
            return None
        if before is not None and before.connection_id is not None:
            # That connection was there at the last renewal.
            known_s = before.expired_s + ttl_s
            kill_connection(self.pools, self.target, before.connection_id, known_s)
        with self.pools.begin(self.target) as control:
            role, owner = Role.STREAM, self.owner
            lease = take_lease(control, self.migration_id, role, owner, ttl_s, data_connection)
            # Asked under the lock on the lease: whoever ends the stream later revokes this one.
            if lease is not None and not wants_stream(read_stage(control, self.migration_id)):
                release_lease(control, lease)
                return None
            return lease

    @contextmanager
    def _failures_recorded(self, lease: Lease) -> Iterator[None]:
        """Record what stops the stream for good, while the role is still ours."""
        try:
            yield
        except (FencedError, RetryableError):
            raise
        except TranshipError as error:
            self._record(lease, error)
            raise
        except Exception as error:
            self._defects += 1
            if self._defects < _DEFECTS:
                raise
            log.exception("a defect, again")
            self._record(lease, defect(error))
            raise defect(error) from error

    def _let_go(self, lease: Lease) -> None:
        try:
            with self.pools.begin(self.target) as control:
                release_lease(control, lease)
        except RetryableError:
            return  # it expires by itself

    def _record(self, lease: Lease, error: TranshipError) -> None:
        """Have the migration fail.

        Raises:
            FencedError: the role is somebody else's now, who may do without the failure.
        """
        with self.pools.begin(self.target) as control:
            record_failure(control, self.migration_id, Failure.of(Role.STREAM, error))
            fence(control, lease)
