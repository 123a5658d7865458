"""The cut-over of an alter: the shadow takes the table's name, and the table is never missing.

    ready       the before-cut-over hook, then the intent
    blocking    lock the table, and see the rename wait for it (alter_locks.py)
    draining    until the position contains what had been executed under the lock
    verifying   until every chunk touched since its last verification is verified (I6), read by
                the connection that holds the lock
    swapping    the proof and the intent to release the lock are recorded: the swap
    switching   the swap has happened, and the server has said so; the on-success hook
    restoring   the table is left as it was: no lock, no sentry, no waiting rename

From `blocking` to `swapping` it is one call, `Attempt.run` (alter_attempt.py), since the lock
belongs to a connection of this process. Whatever ends that call early ends the rename and the
lock. The next coordinator makes sure of both (their numbers are in the intent), reads the names
on the server, and begins again or goes on.
"""

from __future__ import annotations

from pipeline.alter.temporary import plan_of
from pipeline.control.migration_tables import mark_dropped
from pipeline.control.migrations import forget_lock_connection
from pipeline.control.schema import NOW
from pipeline.control.stage_change import StageChange
from pipeline.cutover.alter_attempt import Attempt, swapped_text
from pipeline.cutover.alter_locks import open_swap
from pipeline.cutover.decisions import next_attempt
from pipeline.cutover.finish import finish, leave_restoring
from pipeline.cutover.rename import end_rename_connection
from pipeline.cutover.sentry import SwapState, drop_sentry, read_swap_state
from pipeline.cutover.shared import (
    end_noted_connection,
    may_begin,
    note_parts,
    require_same_source,
)
from pipeline.cutover.triggers import drop_triggers
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import MigrationTable
from pipeline.domain.request import alter_request
from pipeline.domain.stages import Stage
from pipeline.domain.way_back import Direction
from pipeline.errors import RetryableError
from pipeline.mysql.failures import driver_errors
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.servers import drop_if, table_exists
from pipeline.pausepoints import Point, reached
from pipeline.step.context import Context, Outcome, Step
from pipeline.strategy.alter import AlterStrategy


def ready(context: Context) -> Outcome:
    """Keep the table verified; make an attempt when nothing is in its way."""
    return _begin(context) if may_begin(context) else Outcome.WAIT


def _begin(context: Context) -> Outcome:
    migration, request = context.migration, alter_request(context.migration.request)
    limit_s = request.lock_timeout_s or context.settings.cut_over.lock_wait_s
    _gather_statistics(context)
    with open_swap(context, limit_s) as swap:
        require_same_source(context)  # a restart from here on ends the connections of the swap
        number = migration.attempt + 1
        lock, rename = swap.numbers
        context.enter(
            Stage.BLOCKING,
            f"attempt {number}: lock, then {swap.statement}",
            StageChange(
                attempt=number,
                lock_connection=lock,
                rename_connection=rename,
                first_attempt_at=migration.first_attempt_at or migration.now,
                blocked_at=NOW,
                drain_gtids=None,
            ),
        )
        reached(Point.INTENT_WRITTEN)
        attempt = Attempt(context.at(Stage.BLOCKING), swap, limit_s)
        try:
            with driver_errors(migration.source):
                return attempt.run()
        except RetryableError as error:
            return _gave_up(attempt.context, error)


def _gather_statistics(context: Context) -> None:
    """ANALYZE the shadow, or the new table's first queries would be planned for an empty one."""
    (table,) = context.tables
    with context.source() as server:
        run(server, f"ANALYZE TABLE {quote_name(table.target)}")


def _gave_up(context: Context, error: RetryableError) -> Outcome:
    if context.migration.stage is Stage.SWAPPING:
        context.note(EventKind.SWAP, f"the server has to say whether it happened: {error}")
        return Outcome.ADVANCED
    return _restore_and_retry(context, str(error))


def _restore_and_retry(context: Context, reason: str) -> Outcome:
    again = next_attempt(context.migration, context.settings.cut_over.retry_s)
    change = StageChange(after_restore=Stage.READY, retry_at=again)
    return context.enter(Stage.RESTORING, reason, change)


def interrupted(context: Context) -> Outcome:
    """An attempt did not come back: its lock and its rename have to go."""
    return _restore_and_retry(context, "the attempt was cut short")


def swapping(context: Context) -> Outcome:
    """The lock was about to be released: the server says whether the swap has happened."""
    _end_connections(context)
    (table,) = context.tables
    with context.source() as server:
        state = read_swap_state(server, table)
    if state is SwapState.SWAPPED:
        with context.control() as control:
            change = StageChange(blocked_at=None)
            context.enter_in(control, Stage.SWITCHING, swapped_text(context, table), change)
            note_parts(control, context)
        return Outcome.ADVANCED
    return interrupted(context)


def switching(context: Context) -> Outcome:
    """Tell the operator's side: the other table has the name, its counter and its triggers."""
    forward = context.migration.request.direction is Direction.FORWARD
    return finish(context, "the table is rebuilt" if forward else "the table is the old one again")


def restoring(context: Context) -> Outcome:
    """Leave the table as it was, without lock, sentry or waiting rename; then go on."""
    _end_connections(context)
    (table,) = context.tables
    with context.ddl() as server:
        drop_sentry(server, table)
    drop_triggers(context)
    if context.migration.after_restore is Stage.ABORTED and table.created_by_us:
        _drop_shadow(context, table)
    return leave_restoring(context, "the table is as it was, and unlocked")


def _drop_shadow(context: Context, table: MigrationTable) -> None:
    """Drop the shadow, but never a table that somebody else has put in its place."""
    strategy = AlterStrategy(table, plan_of(table))
    with context.ddl() as server:
        drop_if(server, table.target, strategy.is_left_behind)
        gone = not table_exists(server, table.target)
    if not gone:
        what = f"{table.target} is not the table that was created for the change; it stays"
        context.note(EventKind.SWAP, what)
    with context.control() as control:
        mark_dropped(control, table)


def _end_connections(context: Context) -> None:
    """Make sure that an earlier attempt holds no lock and can't rename any more.

    Raises:
        RetryableError: one of its connections is still there.
    """
    end_rename_connection(context)
    if context.migration.lock_connection is not None:
        end_noted_connection(context, context.migration.lock_connection)
        with context.control() as control:
            forget_lock_connection(control, context.migration.id)


STEPS: dict[Stage, Step] = {
    Stage.READY: ready,
    # A migration found in one of these three was left there by a coordinator that is gone.
    Stage.BLOCKING: interrupted,
    Stage.DRAINING: interrupted,
    Stage.VERIFYING: interrupted,
    Stage.SWAPPING: swapping,
    Stage.SWITCHING: switching,
    Stage.RESTORING: restoring,
}
