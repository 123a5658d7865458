"""What both cut-overs need: when to begin, the drain set, ending connections."""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.control.chunk_checks import unverified_chunks, void_attempts
from pipeline.control.cut_over_parts import end_part, read_attempts
from pipeline.control.migrations import postpone_migration
from pipeline.control.streams import read_stream
from pipeline.control.touched_keys import count_touched
from pipeline.cutover.decisions import Hindrance, hindrance
from pipeline.cutover.triggers import rehearse_triggers
from pipeline.domain.cut_over_parts import Part
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook
from pipeline.domain.stages import Stage
from pipeline.errors import RetryableError, known
from pipeline.hooks.runner import ask, tell_once
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import connection_is_alive, kill_connection
from pipeline.preflight.findings import Scope, refuse
from pipeline.preflight.registry import run_preflight
from pipeline.status.wording import attempt_text
from pipeline.step.context import Context
from pipeline.step.dispatch import converged, ensure_stream, send_verifications
from pipeline.step.lag import apply_lag_s
from pipeline.throttle.assess import assess
from pipeline.waiting import wait_until

_GONE_S = 10.0
_POLL_S = 0.05


def may_begin(context: Context) -> bool:
    """Keep the tables verified; whether a cut-over may begin now, its hook included.

    Raises:
        RefusedError: something has changed that rules it out for good.
    """
    ensure_stream(context)
    if assess(context).throttled:
        return False
    send_verifications(context)
    found = hindrance(
        context.migration,
        lambda: converged(context),
        lambda: apply_lag_s(context),
        context.settings.cut_over.ready_lag_s,
    )
    if found is Hindrance.POSTPONED:
        tell_once(context, Hook.BEGIN_POSTPONED)
    return found is None and _checked_again(context)


def _checked_again(context: Context) -> bool:
    """Check again what may have changed since the start; stopping still costs nothing here."""
    refuse(run_preflight(context.pools, context.migration.request, Scope.CUT_OVER))
    rehearse_triggers(context)
    return _before_cut_over(context)


def _before_cut_over(context: Context) -> bool:
    """Run the hook; if it fails, the cut-over is postponed and the source stays as it is."""
    result = ask(context, Hook.BEFORE_CUT_OVER)
    if result is None or result.succeeded:
        return True
    with context.control() as control:
        postpone_migration(control, context.migration.id)
        what = f"postponed: hook {Hook.BEFORE_CUT_OVER} exited {result.exit_code}: {result.output}"
        context.note_in(control, EventKind.HOOK, what)
    return False


def enter_verifying(context: Context, message: str) -> None:
    """Writes are blocked and the target is drained: what workers were verifying is void."""
    with context.control() as control:
        for table in context.tables:
            void_attempts(control, table)
        context.enter_in(control, Stage.VERIFYING, message)


def is_proved(control: Connection, context: Context, drain: GtidSet) -> bool:
    """Whether every row of every table is equal on both sides now; locks the stream's row.

    Each chunk was verified in full, every key touched since was verified after that, and the
    target has everything. Until the caller commits no batch can.
    """
    end_part(control, context.migration.id, Part.VERIFY)  # the proof is a part of its own
    stream = read_stream(control, context.migration.id, lock=True)
    left = any(
        unverified_chunks(control, table, 1) or count_touched(control, table, 1)
        for table in context.tables
    )
    return not left and stream.position.contains(drain)


def note_parts(control: Connection, context: Context) -> None:
    """Write to the event log for how long writes were blocked, and what that was spent on."""
    attempts = read_attempts(control, context.migration.id)
    if attempts:
        text = attempt_text(context.migration.kind, attempts[-1])
        context.note_in(control, EventKind.CUT_OVER, text)


def drain_set(context: Context) -> GtidSet:
    """What the source had executed when its tables could no longer be written to."""
    return known(context.migration.drain_gtids, "the drain set")


def end_connection(context: Context, number: int) -> None:
    """Kill connection `number` of the source, and wait until it is gone.

    Raises:
        RetryableError: it is still there.
    """
    migration = context.migration
    # The connection was there when the stage was entered.
    known_s = (migration.now - migration.stage_since).total_seconds()
    kill_connection(context.pools, migration.source, number, known_s)

    def gone() -> bool:
        with context.source() as source:
            return not connection_is_alive(source, number, known_s)

    if not wait_until(gone, _GONE_S, _POLL_S):
        raise RetryableError(f"Connection {number} of the cut-over does not end.")
