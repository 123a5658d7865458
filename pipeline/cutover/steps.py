"""The cut-over of a move: one function a stage, each durable before the next begins.

    ready       the before-cut-over hook, then the intent
    renaming    one RENAME of all source tables; the executed set read after it is the drain
                set: every write the source ever took is in it
    draining    until the position contains the drain set
    verifying   until every range touched since its last verification is verified (I6)
    switching   the on-success hook. The point of no return is the step into it

A step looks, does one thing and says what it left; it may be cut short anywhere and called
again. What takes too long before SWITCHING is sent to RESTORING by `advance`, which renames
back.
"""

from __future__ import annotations

from pipeline.control.chunk_checks import ledger_state, unsend_all
from pipeline.control.migrations import postpone_migration
from pipeline.control.schema import NOW
from pipeline.control.streams import read_stream
from pipeline.cutover.rename import (
    SourceState,
    end_rename_connection,
    open_rename_connection,
    read_source_state,
    rename,
    rename_statement,
)
from pipeline.cutover.retry import next_attempt, too_early
from pipeline.cutover.triggers import rehearse_triggers
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook
from pipeline.domain.stages import Stage
from pipeline.errors import RetryableError, known
from pipeline.hooks.runner import ask, tell_once
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import raw_connection_id
from pipeline.pausepoints import Point, reached
from pipeline.preflight.findings import Scope, refuse
from pipeline.preflight.registry import run_preflight
from pipeline.step.context import Context, Outcome
from pipeline.step.dispatch import converged, ensure_stream, send_verifications
from pipeline.step.lag import apply_lag_s
from pipeline.throttle.assess import assess


def ready(context: Context) -> Outcome:
    """Keep verified; begin a cut-over when nothing speaks against it."""
    return _begin(context) if may_begin(context) else Outcome.WAIT


def may_begin(context: Context) -> bool:
    """Keep verified; whether a cut-over may begin now, its hook included.

    Raises:
        RefusedError: something has changed that speaks against it for good.
    """
    ensure_stream(context)
    if assess(context).throttled:
        return False
    send_verifications(context)
    migration, settings = context.migration, context.settings.cut_over
    if migration.postponed:
        tell_once(context, Hook.BEGIN_POSTPONED)
        return False
    if too_early(context) or not migration.in_window:
        return False
    if not converged(context) or apply_lag_s(context) > settings.ready_lag_s:
        return False
    # What may have changed since the start; here it is still free to stop.
    refuse(run_preflight(context.pools, migration.request, Scope.CUT_OVER))
    rehearse_triggers(context)
    return _before_cut_over(context)


def _before_cut_over(context: Context) -> bool:
    """Run the hook; one that fails stops the cut-over and leaves the source as it was."""
    result = ask(context, Hook.BEFORE_CUT_OVER)
    if result is None or result.succeeded:
        return True
    with context.control() as control:
        postpone_migration(control, context.migration.id)
        what = f"postponed: hook {Hook.BEFORE_CUT_OVER} exited {result.exit_code}: {result.output}"
        context.note_in(control, EventKind.HOOK, what)
    return False


def _begin(context: Context) -> Outcome:
    """Intent, rename, and what came of it."""
    connection = open_rename_connection(context)
    try:
        attempt = context.migration.attempt + 1
        context.enter(
            Stage.BLOCKING,
            f"attempt {attempt}: {rename_statement(context)}",
            attempt=attempt,
            rename_connection=raw_connection_id(connection),
            renamed_at=NOW,
            drain_gtids=None,
        )
        reached(Point.INTENT_WRITTEN)
        context = context.at(Stage.BLOCKING)
        drain = rename(connection, context)
        reached(Point.RENAMED)
        return _renamed(context, drain)
    except RetryableError as error:
        context.note(EventKind.RENAME, f"did not succeed at once: {error}")
        return Outcome.ADVANCED  # `renaming` looks at the source and decides
    finally:
        connection.close()


def _renamed(context: Context, drain: GtidSet) -> Outcome:
    return context.enter(
        Stage.DRAINING,
        "the source's tables are renamed; writes to them are refused from here on",
        drain_gtids=str(drain),
        rename_connection=None,
    )


def renaming(context: Context) -> Outcome:
    """Somebody wrote the intent and did not come back: see what the source says."""
    end_rename_connection(context)
    if read_source_state(context) is SourceState.IN_PLACE:
        message, again = "the rename did not happen", next_attempt(context)
        return context.enter(Stage.READY, message, retry_at=again, renamed_at=None)
    with context.source() as source:
        # Later than at the rename is safe: nothing writes to the tables any more.
        drain = executed_gtids(source)
    return _renamed(context, drain)


def draining(context: Context) -> Outcome:
    """Wait for the position to contain the drain set."""
    reached(Point.DRAINING)
    ensure_stream(context)
    if _drained(context):
        with context.control() as control:
            for table in context.tables:
                unsend_all(control, table)
            message = "the target has every change of the source"
            context.enter_in(control, Stage.VERIFYING, message)
        return Outcome.ADVANCED
    return Outcome.POLL


def _drained(context: Context) -> bool:
    with context.control() as control:
        state = read_stream(control, context.migration.id)
    return state.position.contains(_drain_set(context))


def _drain_set(context: Context) -> GtidSet:
    return GtidSet.parse(known(context.migration.drain_gtids, "the drain set"))


def verifying(context: Context) -> Outcome:
    """Verify what is dirty; the proof and the point of no return are one transaction."""
    reached(Point.VERIFYING)
    ensure_stream(context)
    send_verifications(context)
    with context.control() as control:
        state = read_stream(control, context.migration.id, lock=True)
        dirty = sum(ledger_state(control, table).dirty for table in context.tables)
        if dirty == 0 and state.position.contains(_drain_set(context)):
            proof = "every range is verified later than its last change"
            context.enter_in(control, Stage.SWITCHING, proof)
            return Outcome.ADVANCED
    return Outcome.POLL
