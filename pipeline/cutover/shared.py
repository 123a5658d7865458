"""What both cut-overs need: when to begin, the drain set, ending connections."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import Connection

from pipeline.control.chunk_checks import unverified_chunks, void_attempts
from pipeline.control.cut_over_parts import end_part, read_attempts
from pipeline.control.leases import revoke_lease
from pipeline.control.migration_tables import note_source
from pipeline.control.migrations import postpone_migration
from pipeline.control.streams import read_stream
from pipeline.control.touched_keys import count_touched
from pipeline.cutover.counters import keep_counter
from pipeline.cutover.decisions import Hindrance, hindrance
from pipeline.cutover.foreign_writes import nobody_else_writes, watch_now_and_then
from pipeline.cutover.triggers import create_triggers, rehearse_triggers
from pipeline.cutover.way_back import prepare_way_back, require_old_tables
from pipeline.domain.cut_over_parts import Part
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage
from pipeline.errors import RetryableError, known
from pipeline.hooks.runner import ask, tell_once
from pipeline.mysql.catalogue import table_identity
from pipeline.mysql.durability import server_run
from pipeline.mysql.gtid import GtidSet
from pipeline.preflight.findings import Scope, refuse
from pipeline.preflight.registry import run_preflight
from pipeline.status.wording import attempt_text
from pipeline.step.context import Context
from pipeline.step.ddl import end_connection
from pipeline.step.dispatch import converged, ensure_stream, send_verifications
from pipeline.step.lag import apply_lag_s
from pipeline.step.source import require_history
from pipeline.throttle.assess import assess

POLL_S = 0.003  # while writes are blocked
_SEND_S = 0.5  # between two looks at what is to be verified, while a hook runs


def may_begin(context: Context) -> bool:
    """Keep the tables verified; whether a cut-over may begin now, its hook included.

    Raises:
        RefusedError: something has changed that rules it out for good.
    """
    streaming = ensure_stream(context)
    if assess(context).throttled:
        return False
    send_verifications(context)
    watch_now_and_then(context)
    if not streaming:
        return False  # after an attempt that turned back, it begins anew
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
    require_same_source(context)
    require_old_tables(context)
    if not nobody_else_writes(context):
        return False
    rehearse_triggers(context)
    _note_sources(context)
    prepare_way_back(context)
    for table in context.tables:  # as far as it goes now, so that little is left for later
        keep_counter(context, table, table.source)
    return _before_cut_over(context)


def _note_sources(context: Context) -> None:
    """Which tables they are that get the retired names: only those may clean-up drop."""
    with context.source() as source:
        found = [table_identity(source, table.source) for table in context.tables]
    with context.control() as control:
        for table, identity in zip(context.tables, found, strict=True):
            note_source(control, table, identity)


def require_same_source(context: Context) -> None:
    """Make sure that what was applied is what the source has, and that it is the same server.

    Raises:
        FatalError: the source has lost transactions that were applied.
        RetryableError: it is another server, or may have lost what it had committed; the stream
            begins again there, and has every row verified again.
    """
    with context.control() as control:
        stream = read_stream(control, context.migration.id)
    with context.source() as source:
        is_the_same = server_run(source).keeps_log_of(stream.source_run)
        if is_the_same:
            require_history(source, stream)
    if not is_the_same:
        with context.control() as control:  # the stream would go on where its connection leads
            revoke_lease(control, context.migration.id, Role.STREAM)
        raise RetryableError(
            "The source is another server than the one that is streamed from, or has restarted and"
            " may have lost what it had committed last. The stream begins again there."
        )


def _before_cut_over(context: Context) -> bool:
    """Run the hook; if it fails, the cut-over is postponed and the source stays as it is.

    What is written while it runs is verified meanwhile, and not while writes are refused.
    """
    result = ask(context, Hook.BEFORE_CUT_OVER, _verifying(context))
    if result is None or result.succeeded:
        return True
    with context.control() as control:
        postpone_migration(control, context.migration.id)
        what = f"postponed: hook {Hook.BEFORE_CUT_OVER} exited {result.exit_code}: {result.output}"
        context.note_in(control, EventKind.HOOK, what)
    return False


def _verifying(context: Context) -> Callable[[], None]:
    """A function that keeps the tables verified, however often it is called."""
    sent_at = -math.inf

    def send() -> None:
        nonlocal sent_at
        if time.monotonic() - sent_at > _SEND_S:
            sent_at = time.monotonic()
            with suppress(RetryableError):  # it must not end the hook; it is sent again
                send_verifications(context)

    return send


def enter_verifying(context: Context, message: str) -> None:
    """Writes are blocked and the target is drained: end the stream, and what workers verify.

    From here on nothing that may still be under way changes the target, whenever it wakes up. So
    the target can get triggers, and what is proved stays true.
    """
    with context.control() as control:
        revoke_lease(control, context.migration.id, Role.STREAM)
        for table in context.tables:
            void_attempts(control, table)
        context.enter_in(control, Stage.VERIFYING, message)


def hand_over(context: Context, reader: Connection | None = None) -> None:
    """Give the new tables what the application needs beside rows, before there is no way back.

    A counter or a trigger may have to wait for whoever has an open transaction on the target, and
    both are read from the source. `reader`: the connection that may read a table that is locked.

    Raises:
        RetryableError: somebody holds a table of the target.
    """
    for table in context.tables:
        keep_counter(context, table, table.blocked_name, reader)
    create_triggers(context)


def is_proved(control: Connection, context: Context, drain: GtidSet) -> bool:
    """Whether every row of every table is equal on both sides now; locks the stream's row.

    Each chunk was verified in full, every key touched since was verified after that, and the
    target has everything. Until the caller commits no batch can.
    """
    end_part(control, context.migration.id, Part.VERIFY)  # the proof is a part of its own
    stream = read_stream(control, context.migration.id, lock=True)
    return not anything_left(control, context) and stream.position.contains(drain)


def anything_left(control: Connection, context: Context) -> bool:
    """Whether a chunk, or a touched key, is still to be verified."""
    return any(
        unverified_chunks(control, table, 1) or count_touched(control, table, 1)
        for table in context.tables
    )


def note_parts(control: Connection, context: Context) -> None:
    """Write to the event log for how long writes were blocked, and what that was spent on."""
    attempts = read_attempts(control, context.migration.id)
    if attempts:
        text = attempt_text(context.migration.kind, attempts[-1])
        context.note_in(control, EventKind.CUT_OVER, text)


def drain_set(context: Context) -> GtidSet:
    """What the source had executed when its tables could no longer be written to."""
    return known(context.migration.drain_gtids, "the drain set")


def end_noted_connection(context: Context, number: int) -> None:
    """Kill connection `number` of the source, and wait until it is gone.

    Raises:
        RetryableError: it is still there.
    """
    migration = context.migration
    # The connection was there when the attempt began, or later: stages may have followed since.
    since = migration.blocked_at or migration.stage_since
    known_s = (migration.now - since).total_seconds()
    end_connection(context.pools, migration.source, number, known_s)
