"""One attempt of an alter to cut over: from the lock on the table to the swap of the names.

The proof that the shadow equals the table, and the stage in which the lock is released, are
recorded in one transaction; the lock is released only after it. If the attempt ends before that,
the table is as it was.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from pipeline.checksum.verify import ChunkVerifier
from pipeline.control.chunk_checks import dirty_chunks
from pipeline.control.leases import revoke_lease
from pipeline.control.migrations import read_migration
from pipeline.control.stage_change import NOTHING_ELSE, StageChange
from pipeline.control.streams import read_stream
from pipeline.cutover.alter_locks import POLL_S, Swap
from pipeline.cutover.blockers import BlockerWatch
from pipeline.cutover.counters import keep_counter
from pipeline.cutover.sentry import create_sentry
from pipeline.cutover.triggers import create_on_shadow
from pipeline.domain.migration import MigrationTable
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage
from pipeline.errors import RetryableError
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.gtid import GtidSet
from pipeline.pausepoints import Point, reached
from pipeline.step.context import Context, Outcome
from pipeline.step.dispatch import ensure_stream

_ASK_S = 0.3


@dataclass
class Attempt:
    """From the lock to the swap. `context.migration.stage` says how far it is."""

    context: Context
    swap: Swap
    limit_s: float
    _asked: float = field(default_factory=time.monotonic)
    _deadline: float = 0.0

    def run(self) -> Outcome:
        """Make the swap.

        Raises:
            RetryableError: it is not possible now.
        """
        table = self.swap.table
        with self.context.source() as server:
            create_sentry(server, table)
        waited_s = self._lock()
        locked = time.monotonic()
        self._deadline = locked + self.limit_s
        reached(Point.LOCKED)
        self.swap.send_rename()
        reached(Point.RENAME_WAITS)
        # Nobody can write to the table any more, so this contains every write to it.
        drain = executed_gtids(self.swap.lock)
        what = f"locked after {waited_s:.2f} s, and the rename waits"
        self._enter(Stage.DRAINING, what, StageChange(drain_gtids=drain))
        self._drain(drain)
        self._enter(Stage.VERIFYING, "the shadow has every change of the table")
        self._verify()
        keep_counter(self.context, table.source, table.target, reader=self.swap.lock)
        self._prove(drain)
        create_on_shadow(self.context, table)
        reached(Point.PROVED)
        self.swap.let_through()
        reached(Point.SWAPPED)
        held_s = time.monotonic() - locked
        return self._swapped(held_s)

    def _lock(self) -> float:
        table, began = self.swap.table, time.monotonic()
        watch = BlockerWatch(self.context, table.source, self.swap.numbers)

        def while_waiting(waited_s: float) -> None:
            self._check_wanted()
            watch.check(waited_s)

        try:
            self.swap.lock_table(while_waiting)
        except RetryableError as error:
            raise RetryableError(
                f"{table.source} could not be locked within {self.limit_s:g} s{watch.found}."
            ) from error
        return time.monotonic() - began

    def _drain(self, drain: GtidSet) -> None:
        reached(Point.DRAINING)
        while True:
            self._check("the shadow did not catch up")
            ensure_stream(self.context)
            with self.context.control() as control:
                state = read_stream(control, self.context.migration.id)
            if state.position.contains(drain):
                return
            time.sleep(POLL_S)

    def _verify(self) -> None:
        reached(Point.VERIFYING)
        verifier = self._verifier(self.swap.table)
        while True:
            with self.context.control() as control:
                numbers = dirty_chunks(control, self.swap.table)
            if not numbers:
                return
            for number in numbers:
                self._check(f"{len(numbers)} chunks were left to verify")
                verifier.verify(number)

    def _verifier(self, table: MigrationTable) -> ChunkVerifier:
        migration, settings = self.context.migration, self.context.settings.checksum
        # No chunk may wait for the stream for as long as the lock may be held.
        wait_s = min(settings.drain_wait_s, self.limit_s / 3)
        hasty = settings.model_copy(update={"drain_wait_s": wait_s})
        return ChunkVerifier(
            self.context.pools, migration.source, migration.target, table, table.source,
            hasty, self.swap.lock,
        )  # fmt: skip

    def _prove(self, drain: GtidSet) -> None:
        """Record the proof and the intent, and end the stream, in one transaction.

        From here on the shadow may have triggers, which must not fire for what is applied.

        Raises:
            RetryableError: the proof fails.
        """
        with self.context.control() as control:
            state = read_stream(control, self.context.migration.id, lock=True)
            if dirty_chunks(control, self.swap.table) or not state.position.contains(drain):
                raise RetryableError("Something was written to the shadow after it was verified.")
            revoke_lease(control, self.context.migration.id, Role.STREAM)
            proof = "every chunk was verified later than its last change; the lock is released now"
            self.context.enter_in(control, Stage.SWAPPING, proof)
        self.context = self.context.at(Stage.SWAPPING)

    def _swapped(self, held_s: float) -> Outcome:
        return self.context.enter(
            Stage.SWITCHING,
            f"{self.swap.table.source} is the rebuilt table; writes had to wait for {held_s:.2f} s",
            StageChange(
                held_s=held_s,
                blocked_at=None,  # writes no longer wait; `held_s` says for how long they did
                lock_connection=None,
                rename_connection=None,
            ),
        )

    def _enter(self, stage: Stage, message: str, change: StageChange = NOTHING_ELSE) -> None:
        self.context.enter(stage, message, change)
        self.context = self.context.at(stage)

    def _check(self, late: str) -> None:
        """
        Raises:
            RetryableError: it takes too long, a connection is lost, or it is to end.
        """
        self._check_wanted()
        self.swap.check()
        if time.monotonic() > self._deadline:
            raise RetryableError(f"Under the lock, {late} within {self.limit_s:g} s.")

    def _check_wanted(self) -> None:
        """Ask a few times a second whether to go on, which also renews the lease.

        Raises:
            RetryableError: an abort was asked for, or a role has recorded a failure.
        """
        if time.monotonic() - self._asked < _ASK_S:
            return
        with self.context.control() as control:
            migration = read_migration(control, self.context.migration.id)
        self._asked = time.monotonic()
        if migration.abort_asked or migration.failure is not None:
            raise RetryableError("The attempt was given up: an abort or a failure came first.")
