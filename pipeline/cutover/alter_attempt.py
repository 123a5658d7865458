"""One attempt of an alter to cut over: from the lock on the table to the swap of the names.

The proof that the shadow equals the table, and the stage in which the lock is released, are
recorded in one transaction; the lock is released only after it. If the attempt ends before that,
the table is as it was.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from pipeline.checksum.sides import sides_of
from pipeline.checksum.verify_keys import KeyVerifier, SliceVerdict
from pipeline.control.cut_over_parts import note_blocked_for
from pipeline.control.migrations import read_migration
from pipeline.control.stage_change import StageChange
from pipeline.control.streams import read_stream
from pipeline.cutover.alter_locks import Swap
from pipeline.cutover.blockers import BlockerWatch
from pipeline.cutover.catch_up import catch_up
from pipeline.cutover.sentry import create_sentry
from pipeline.cutover.shared import POLL_S, enter_verifying, hand_over, is_proved, note_parts
from pipeline.cutover.way_back import read_stream_start
from pipeline.domain.migration import MigrationTable
from pipeline.domain.stages import Stage
from pipeline.domain.way_back import Direction
from pipeline.errors import RetryableError
from pipeline.mysql.failures import driver_errors
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.gtid import GtidSet
from pipeline.pausepoints import Point, reached
from pipeline.step.context import Context, Outcome
from pipeline.step.dispatch import ensure_stream
from pipeline.waiting import wait_until

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
        catch_up(self.context)
        with driver_errors(self.context.migration.source):
            create_sentry(self.swap.lock, table)
        asked = time.monotonic()
        self._lock()
        locked = time.monotonic()
        self._deadline = locked + self.limit_s
        reached(Point.LOCKED)
        self.swap.send_rename()
        reached(Point.RENAME_WAITS)
        # Nobody can write to the table any more, so this contains every write to it.
        drain = executed_gtids(self.swap.lock)
        self._begin_drain(drain, time.monotonic() - asked)
        self._drain(drain)
        enter_verifying(self.context, "the shadow has every change of the table")
        self.context = self.context.at(Stage.VERIFYING)
        self._verify()
        hand_over(self.context, reader=self.swap.lock)
        self.swap.check()
        self._prove(drain)
        reached(Point.PROVED)
        self.swap.let_through()
        reached(Point.SWAPPED)
        return self._swapped()

    def _lock(self) -> None:
        table = self.swap.table
        watch = BlockerWatch(self.context, (table.source,), self.swap.numbers)

        def while_waiting(waited_s: float) -> None:
            self._check_wanted()
            watch.check(waited_s)

        try:
            self.swap.lock_table(while_waiting)
        except RetryableError as error:
            raise RetryableError(
                f"{table.source} could not be locked within {self.limit_s:g} s{watch.found}."
            ) from error

    def _begin_drain(self, drain: GtidSet, blocked_s: float) -> None:
        with self.context.control() as control:
            note_blocked_for(control, self.context.migration.id, blocked_s)
            what = "the table is locked, and the rename waits"
            change = StageChange(drain_gtids=drain)
            self.context.enter_in(control, Stage.DRAINING, what, change)
        self.context = self.context.at(Stage.DRAINING)

    def _drain(self, drain: GtidSet) -> None:
        reached(Point.DRAINING)
        ensure_stream(self.context)
        while not wait_until(lambda: self._drained(drain), _ASK_S, POLL_S):
            self._check("the shadow did not catch up")
            ensure_stream(self.context)

    def _drained(self, drain: GtidSet) -> bool:
        with self.context.reading() as control:
            return read_stream(control, self.context.migration.id).position.contains(drain)

    def _verify(self) -> None:
        """Verify all touched keys, in one pass.

        Raises:
            RetryableError: there is a difference, which can't be repaired under the lock.
        """
        reached(Point.VERIFYING)
        table, lock = self.swap.table, self.swap.lock
        sides = sides_of(
            self.context.pools, self.context.migration, table, table.source,
            locked=lock, at_rest=True,
        )  # fmt: skip
        verifier = KeyVerifier(sides)
        while (verdict := verifier.verify_slice()) is not SliceVerdict.NOTHING_LEFT:
            if verdict is SliceVerdict.DIFFERENT:
                raise RetryableError(f"{table.source} has a chunk to be verified in full again.")
            self._check("touched rows were left to verify")

    def _prove(self, drain: GtidSet) -> None:
        """Record the proof and the intent to release the lock, in one transaction.

        Raises:
            RetryableError: the proof fails.
        """
        start = read_stream_start(self.context)
        with self.context.control() as control:
            if not is_proved(control, self.context, drain):
                raise RetryableError("Something was written to the shadow after it was verified.")
            proof = "every row was verified later than its last change; the lock is released now"
            change = StageChange(way_back_start=start)
            self.context.enter_in(control, Stage.SWAPPING, proof, change)
        self.context = self.context.at(Stage.SWAPPING)

    def _swapped(self) -> Outcome:
        with self.context.control() as control:
            self.context.enter_in(
                control,
                Stage.SWITCHING,
                swapped_text(self.context, self.swap.table),
                # Writes no longer wait.
                StageChange(blocked_at=None, lock_connection=None, rename_connection=None),
            )
            note_parts(control, self.context)
        return Outcome.ADVANCED

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


def swapped_text(context: Context, table: MigrationTable) -> str:
    """What is true after the swap."""
    forward = context.migration.request.direction is Direction.FORWARD
    return f"{table.source} is {'the rebuilt table' if forward else 'the old table again'}"
