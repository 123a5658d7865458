"""The cut-over of a move: one function a stage, each durable before the next begins.

    ready       the before-cut-over hook, then the intent
    blocking    one RENAME of all source tables; the executed set that is read after it is the
                drain set: it contains every write that the source has taken
    draining    until the position contains the drain set
    verifying   the stream has ended; until every chunk touched since its last verification is
                verified (I6); then the new tables get their counters and triggers
    swapping    way back only: the old tables get their names again, by one RENAME on the target
    switching   the on-success hook. The point of no return is the step into this stage; of a way
                back it is that RENAME
    restoring   the tables are renamed back, if they were renamed

A step reads what is, does one thing and says how it ended; it may be cut short anywhere and called
again. If it takes too long before SWITCHING, `advance` sends the migration to RESTORING.
"""

from __future__ import annotations

import time

from pipeline.checksum.sides import sides_of
from pipeline.checksum.verify import ChunkVerifier
from pipeline.checksum.verify_keys import KeyVerifier
from pipeline.control.chunk_checks import unverified_chunks
from pipeline.control.cut_over_parts import note_blocked_for
from pipeline.control.schema import NOW
from pipeline.control.stage_change import StageChange
from pipeline.control.streams import read_stream
from pipeline.cutover.catch_up import catch_up
from pipeline.cutover.decisions import turned_back
from pipeline.cutover.finish import finish, leave_restoring, return_to_ready
from pipeline.cutover.rename import (
    Names,
    end_rename_connection,
    give_names,
    open_rename_connection,
    read_source_names,
    read_target_names,
    rename,
    rename_statement,
)
from pipeline.cutover.shared import (
    POLL_S,
    anything_left,
    drain_set,
    enter_verifying,
    hand_over,
    is_proved,
    may_begin,
    require_same_source,
)
from pipeline.cutover.triggers import drop_triggers
from pipeline.cutover.way_back import read_stream_start
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import MigrationTable
from pipeline.domain.stages import Stage
from pipeline.errors import RetryableError
from pipeline.indexes.build import end_builds
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import raw_connection_id, run
from pipeline.pausepoints import Point, reached
from pipeline.step.context import Context, Outcome, Step
from pipeline.step.dispatch import ensure_stream
from pipeline.waiting import wait_until

# After these the lease is renewed; somebody may have asked for an abort, or the limit is reached.
_DRAIN_FOR_S = 0.1
_LOOK_UP_S = 1.0


def ready(context: Context) -> Outcome:
    """Keep the tables verified; begin a cut-over when nothing is in its way."""
    return _begin(context) if may_begin(context) else Outcome.WAIT


def _begin(context: Context) -> Outcome:
    """Write the intent, rename, and record how that went."""
    connection = open_rename_connection(context)
    try:
        attempt = context.migration.attempt + 1
        context.enter(
            Stage.BLOCKING,
            f"attempt {attempt}: {rename_statement(context)}",
            StageChange(
                attempt=attempt,
                rename_connection=raw_connection_id(connection),
                blocked_at=NOW,
                drain_gtids=None,
            ),
        )
        reached(Point.INTENT_WRITTEN)
        context = context.at(Stage.BLOCKING)
        catch_up(context)
        sent = time.monotonic()
        drain = rename(connection, context)
        reached(Point.RENAMED)
        return _renamed(context, drain, time.monotonic() - sent)
    except RetryableError as error:
        context.note(EventKind.RENAME, f"did not succeed at once: {error}")
        return Outcome.ADVANCED  # `blocking` reads the source's state and decides
    finally:
        connection.close()


def _renamed(context: Context, drain: GtidSet, blocked_s: float | None = None) -> Outcome:
    with context.control() as control:
        if blocked_s is not None:
            note_blocked_for(control, context.migration.id, blocked_s)
        context.enter_in(
            control,
            Stage.DRAINING,
            "the source's tables are renamed; writes to them are refused from here on",
            StageChange(drain_gtids=drain, rename_connection=None),
        )
    return Outcome.ADVANCED


def blocking(context: Context) -> Outcome:
    """Somebody has written the intent and did not come back: the source says what happened."""
    end_rename_connection(context)
    if read_source_names(context) is Names.IN_PLACE:
        return return_to_ready(context, "the rename did not happen")
    with context.source() as source:
        # Reading it later than at the rename is safe: nothing writes to the tables any more.
        drain = executed_gtids(source)
    return _renamed(context, drain)


def draining(context: Context) -> Outcome:
    """Wait for the position to contain the drain set."""
    reached(Point.DRAINING)
    ensure_stream(context)
    if wait_until(lambda: _drained(context), _DRAIN_FOR_S, POLL_S):
        enter_verifying(context, "the target has every change of the source")
        return Outcome.ADVANCED
    return Outcome.POLL


def _drained(context: Context) -> bool:
    with context.reading() as control:
        state = read_stream(control, context.migration.id)
    return state.position.contains(drain_set(context))


def verifying(context: Context) -> Outcome:
    """Verify what is left; the proof and the point of no return are one transaction."""
    reached(Point.VERIFYING)
    for table in context.tables:
        _verify_rest(context, table)
    with context.reading() as control:
        if anything_left(control, context):
            return Outcome.POLL
    hand_over(context)
    require_same_source(context)
    start = read_stream_start(context)
    with context.control() as control:
        if is_proved(control, context, drain_set(context)):
            proof = "every row was verified later than its last change"
            then = Stage.SWITCHING if context.migration.request.back is None else Stage.SWAPPING
            context.enter_in(control, then, proof, StageChange(way_back_start=start))
            return Outcome.ADVANCED
    return Outcome.POLL


def _verify_rest(context: Context, table: MigrationTable) -> None:
    """All touched keys in one pass, here and now; and a chunk in which one of them differs."""
    migration = context.migration
    sides = sides_of(context.pools, migration, table, table.retired_name, at_rest=True)
    KeyVerifier(sides).verify_for(_LOOK_UP_S)
    with context.reading() as control:
        numbers = unverified_chunks(control, table, 1)
    if numbers:
        drop_triggers(context)  # a repair would fire them
    for number in numbers:
        ChunkVerifier(sides).verify(number)


def swapping(context: Context) -> Outcome:
    """Way back only: the old tables get their names; the server says whether they have them.

    Until then nobody can have written to them, so the source can have its tables back.
    """
    if read_target_names(context) is Names.IN_PLACE:
        return context.enter(Stage.SWITCHING, "the old tables have their names again")
    cut_over = context.settings.cut_over
    change = turned_back(context.migration, cut_over.limit_s, cut_over.retry_s)
    if change is not None:
        return context.enter(Stage.RESTORING, "the old tables did not get their names", change)
    give_names(context)
    reached(Point.NAMES_GIVEN)
    return Outcome.ADVANCED


def switching(context: Context) -> Outcome:
    """The target is the truth, and complete: tell the operator's side."""
    return finish(context, "the tables live on the target")


def restoring(context: Context) -> Outcome:
    """Give the source its tables back, whatever state a cut-over has left them in."""
    end_builds(context)
    end_rename_connection(context)
    # Without an intent we have renamed nothing, whatever else has happened to the tables.
    if context.migration.blocked_at is not None and read_source_names(context) is Names.RETIRED:
        _rename_back(context)
    drop_triggers(context)
    return leave_restoring(context, "the source has its tables")


def _rename_back(context: Context) -> None:
    limit_s = context.settings.cut_over.lock_wait_s
    with context.ddl(context.migration.source, limit_s) as source:
        run(source, "SET SESSION foreign_key_checks = 1")
        run(source, rename_statement(context, back=True))


STEPS: dict[Stage, Step] = {
    Stage.READY: ready,
    Stage.BLOCKING: blocking,
    Stage.DRAINING: draining,
    Stage.VERIFYING: verifying,
    Stage.SWAPPING: swapping,
    Stage.SWITCHING: switching,
    Stage.RESTORING: restoring,
}
