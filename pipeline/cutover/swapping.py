"""The cut-over of an alter: the shadow takes the table's name, and the table is never missing.

    ready       the before-cut-over hook, then the intent
    renaming    lock the table, and see the rename wait for it (swap.py)
    draining    until the position contains what had been executed under the lock
    verifying   until every range touched since its last verification is verified (I6), read by
                the connection that holds the lock
    swapping    the proof is there, and it is written down that the lock will go: the swap
    switching   the swap has happened, and the server has said so; the on-success hook

From `renaming` to `swapping` it is one call, since the lock lives in a connection of this
process. Whatever ends that call early ends the rename and the lock; the next coordinator makes
sure of both (their numbers are in the intent), looks at the names, and begins again or goes on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from pipeline.checksum.verify import ChunkVerifier
from pipeline.control.chunk_checks import dirty_chunks
from pipeline.control.migrations import read_migration, update_migration
from pipeline.control.schema import NOW
from pipeline.control.streams import read_stream
from pipeline.cutover.blockers import blockers
from pipeline.cutover.counters import keep_counter
from pipeline.cutover.rename import end_connection
from pipeline.cutover.restore import back_from
from pipeline.cutover.retry import next_attempt
from pipeline.cutover.sentry import SwapState, create_sentry, drop_sentry, read_swap_state
from pipeline.cutover.steps import may_begin
from pipeline.cutover.swap import POLL_S, Swap, open_swap
from pipeline.cutover.triggers import create_on_shadow, drop_from_shadow
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import MigrationTable
from pipeline.domain.request import alter_request
from pipeline.domain.stages import Stage
from pipeline.errors import RetryableError
from pipeline.mysql.failures import driver_errors
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import kill_connection, run
from pipeline.mysql.quoting import quote_name
from pipeline.pausepoints import Point, reached
from pipeline.step.context import Context, Outcome
from pipeline.step.dispatch import ensure_stream

_RENEW_S = 0.3
_NAME_BLOCKERS_S = 0.3


def ready_to_swap(context: Context) -> Outcome:
    """Keep verified; make an attempt when nothing speaks against it."""
    return _attempt(context) if may_begin(context) else Outcome.WAIT


def _attempt(context: Context) -> Outcome:
    migration, request = context.migration, alter_request(context.migration.request)
    limit_s = request.lock_timeout_s or context.settings.cut_over.lock_wait_s
    _gather_statistics(context)
    with open_swap(context, limit_s) as swap:
        number = migration.attempt + 1
        lock, rename = swap.numbers
        context.enter(
            Stage.BLOCKING,
            f"attempt {number}: lock, then {swap.statement}",
            attempt=number,
            lock_connection=lock,
            rename_connection=rename,
            first_attempt_at=migration.first_attempt_at or migration.now,
            renamed_at=NOW,
            drain_gtids=None,
        )
        reached(Point.INTENT_WRITTEN)
        attempt = Attempt(context.at(Stage.BLOCKING), swap, limit_s)
        try:
            with driver_errors(migration.source):
                return attempt.run()
        except RetryableError as error:
            return _gave_up(attempt.context, error)


def _gather_statistics(context: Context) -> None:
    """Else the first queries of the new table would be planned by those of an empty one."""
    (table,) = context.tables
    with context.source() as server:
        run(server, f"ANALYZE TABLE {quote_name(table.target)}")


def _gave_up(context: Context, error: RetryableError) -> Outcome:
    if context.migration.stage is Stage.SWAPPING:
        context.note(EventKind.SWAP, f"the server has to say what became of it: {error}")
        return Outcome.ADVANCED
    return context.enter(
        Stage.RESTORING, str(error), after_restore=Stage.READY, retry_at=next_attempt(context)
    )


@dataclass
class Attempt:
    """From the lock to the swap. `context.migration.stage` is where it has got to."""

    context: Context
    swap: Swap
    limit_s: float
    _renewed: float = field(default_factory=time.monotonic)
    _deadline: float = 0.0
    _blocked_by: str = ""
    _blocker_reads: int = 0  # at who holds the table

    def run(self) -> Outcome:
        """Make the swap.

        Raises:
            RetryableError: it was not possible now.
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
        # Nobody can write to the table any more, so this holds every write that it took.
        drain = executed_gtids(self.swap.lock)
        what = f"locked after {waited_s:.2f} s, and the rename waits"
        self._enter(Stage.DRAINING, what, drain_gtids=str(drain))
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
        began = time.monotonic()
        try:
            self.swap.lock_table(self._while_locked_out)
        except RetryableError as error:
            blocked = f"; held by {self._blocked_by}" if self._blocked_by else ""
            raise RetryableError(
                f"{self.swap.table.source} could not be locked within {self.limit_s:g} s{blocked}."
            ) from error
        return time.monotonic() - began

    def _while_locked_out(self, waited_s: float) -> None:
        self._keep_lease()
        if waited_s < _NAME_BLOCKERS_S * (self._blocker_reads + 1):
            return
        self._blocker_reads += 1
        with self.context.source() as server:
            found = blockers(server, self.swap.table.source, self.swap.numbers)
        if found:
            self._blocked_by = "; ".join(str(one) for one in found[:5])
        if self._may_kill():
            for one in found:
                self.context.note(EventKind.FORCE, f"killed: {one}")
                kill_connection(self.context.pools, self.context.migration.source, one.id)

    def _may_kill(self) -> bool:
        migration = self.context.migration
        after_s = alter_request(migration.request).force_after_s
        if after_s is None:
            return False
        first = migration.first_attempt_at or migration.now
        return (migration.now - first).total_seconds() >= after_s

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
                self._check(f"{len(numbers)} ranges were left to verify")
                verifier.verify(number)

    def _verifier(self, table: MigrationTable) -> ChunkVerifier:
        migration, settings = self.context.migration, self.context.settings.checksum
        # No range may wait for the stream for as long as the lock may be held.
        wait_s = min(settings.drain_wait_s, self.limit_s / 3)
        hasty = settings.model_copy(update={"drain_wait_s": wait_s})
        return ChunkVerifier(
            self.context.pools, migration.source, migration.target, table, table.source,
            hasty, self.swap.lock,
        )  # fmt: skip

    def _prove(self, drain: GtidSet) -> None:
        """The proof and the intent are one transaction.

        Raises:
            RetryableError: the proof fails.
        """
        with self.context.control() as control:
            state = read_stream(control, self.context.migration.id, lock=True)
            if dirty_chunks(control, self.swap.table) or not state.position.contains(drain):
                raise RetryableError("Something was written to the shadow after it was verified.")
            proof = "every range is verified later than its last change; the lock goes now"
            self.context.enter_in(control, Stage.SWAPPING, proof)
        self.context = self.context.at(Stage.SWAPPING)

    def _swapped(self, held_s: float) -> Outcome:
        return self.context.enter(
            Stage.SWITCHING,
            f"{self.swap.table.source} is the rebuilt table; its writes had waited for"
            f" {held_s:.2f} s",
            held_s=held_s,
            lock_connection=None,
            rename_connection=None,
        )

    def _enter(self, stage: Stage, message: str, **values: object) -> None:
        self.context.enter(stage, message, **values)
        self.context = self.context.at(stage)

    def _check(self, late: str) -> None:
        """
        Raises:
            RetryableError: it takes too long, a connection is lost, or somebody wants it ended.
        """
        self._keep_lease()
        self.swap.check()
        if time.monotonic() > self._deadline:
            raise RetryableError(f"Under the lock, {late} within {self.limit_s:g} s.")

    def _keep_lease(self) -> None:
        if time.monotonic() - self._renewed < _RENEW_S:
            return
        with self.context.control() as control:
            migration = read_migration(control, self.context.migration.id)
        self._renewed = time.monotonic()
        if migration.abort_asked or migration.failure is not None:
            raise RetryableError("The attempt was given up: something else came up.")


def interrupted(context: Context) -> Outcome:
    """An attempt that did not come back: its lock and its rename have to go."""
    return context.enter(
        Stage.RESTORING,
        "the attempt was cut short",
        after_restore=Stage.READY,
        retry_at=next_attempt(context),
    )


def swapping(context: Context) -> Outcome:
    """The lock was about to go: see what the server says."""
    end_connections(context)
    (table,) = context.tables
    with context.source() as server:
        state = read_swap_state(server, table)
    if state is SwapState.SWAPPED:
        return context.enter(Stage.SWITCHING, f"{table.source} is the rebuilt table")
    return interrupted(context)


def unlocking(context: Context) -> Outcome:
    """Leave the table as it was, without lock, sentry or waiting rename; then go on as noted."""
    end_connections(context)
    (table,) = context.tables
    with context.source() as server:
        drop_sentry(server, table)
        drop_from_shadow(server, table)
    if context.migration.after_restore is Stage.ABORTED and table.created_by_us:
        with context.control() as server:
            run(server, f"DROP TABLE IF EXISTS {quote_name(table.target)}")
    return back_from(context, "the table is as it was, and unlocked")


def end_connections(context: Context) -> None:
    """Make sure that an earlier attempt holds no lock, and can't rename any more.

    Raises:
        RetryableError: one of its connections is still there.
    """
    migration = context.migration
    for name in ("rename_connection", "lock_connection"):
        number = getattr(migration, name)
        if number is not None:
            end_connection(context, number)
            with context.control() as control:
                update_migration(control, migration.id, **{name: None})
