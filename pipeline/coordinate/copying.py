"""Keeps a bounded window of chunks in flight until every table is copied.

Whatever Redis loses is sent again: a chunk that was sent and not claimed in time is pending
again. A claim that nobody renews any more belongs to a worker that is gone or stopped; the worker's
connection is killed, so that its locks are released, and the chunk is released, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.configuration.settings import Copy
from pipeline.control.chunk_map import last_chunk
from pipeline.control.chunks import (
    expire_unclaimed,
    mark_sent,
    recent_pace,
    release_stale_claim,
    stale_claims,
    unfinished_chunks,
)
from pipeline.control.migration_tables import mark_copied, mark_planned, set_chunk_rows
from pipeline.control.streams import log_keys_from_now
from pipeline.control.watches import begin_watch
from pipeline.copy.chunker import next_chunk_rows, plan_chunk
from pipeline.domain.chunk_state import ChunkState
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook
from pipeline.domain.migration import MigrationTable
from pipeline.domain.stages import Stage
from pipeline.hooks.runner import require, tell_once
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.pools import kill_connection
from pipeline.mysql.servers import unsearchable
from pipeline.step.context import Context, Outcome
from pipeline.step.dispatch import ensure_stream
from pipeline.throttle.assess import assess
from pipeline.throttle.limits import copy_of


def copy(context: Context) -> Outcome:
    """One pass: release what is stuck, plan, send."""
    require(context, Hook.BEFORE_ROW_COPY)
    ensure_stream(context)
    throttle = assess(context)
    left = [table for table in context.tables if not table.copied]
    for table in left:
        _release_stuck(context, table)
    if not throttle.throttled:
        row_copy = copy_of(context.settings.row_copy, throttle)
        for table, window in zip(left, throttle.windows(row_copy.window, len(left)), strict=True):
            _advance_table(context, table, row_copy, window)
    copied = _mark_copied(context, [table for table in left if table.planned])
    if len(copied) < len(left):
        return Outcome.WAIT
    tell_once(context, Hook.ROW_COPY_COMPLETE)
    with context.control() as control:
        # A batch that commits before is older than every verification, so nobody needs its keys.
        log_keys_from_now(control, context.migration.id)
        # What others have written to the target until now, the first verification finds.
        if unsearchable(control) is None:
            begin_watch(control, context.migration.id, executed_gtids(control))
        context.enter_in(control, Stage.CONVERGING, "every chunk is copied")
    return Outcome.ADVANCED


def _mark_copied(context: Context, planned: Sequence[MigrationTable]) -> list[MigrationTable]:
    """Those of the tables in which no chunk is in flight any more; it is noted."""
    with context.reading() as control:
        copied = [table for table in planned if not unfinished_chunks(control, table)]
    if copied:
        with context.control() as control:
            for table in copied:
                mark_copied(control, table)
    return copied


def _release_stuck(context: Context, table: MigrationTable) -> None:
    settings = context.settings.row_copy
    with context.control() as control:
        expire_unclaimed(control, table, settings.resend_s)
        stale = stale_claims(control, table, settings.stale_claim_s)
    for claim in stale:
        kill_connection(context.pools, context.target, claim.connection_id, claim.age_s)
        with context.control() as control:
            release_stale_claim(control, table, claim.number)
        what = f"{table.source} chunk {claim.number}: its worker is gone; the chunk is released"
        context.note(EventKind.CHUNK, what)


def _advance_table(context: Context, table: MigrationTable, row_copy: Copy, window: int) -> None:
    with context.reading() as control:
        unfinished = dict(unfinished_chunks(control, table))
        open_chunk = last_chunk(control, table)
    if not table.planned:
        unfinished.pop(open_chunk, None)
        unfinished |= _plan(context, table, row_copy, window - len(unfinished))
    pending = [number for number, state in unfinished.items() if state is ChunkState.PENDING]
    in_flight = len(unfinished) - len(pending)
    _send(context, table, pending[: max(0, window - in_flight)])


def _plan(
    context: Context, table: MigrationTable, row_copy: Copy, most: int
) -> dict[int, ChunkState]:
    """Cut up to `most` chunks; at the table's end the open chunk is the last of them."""
    if most <= 0:
        return {}
    planned: dict[int, ChunkState] = {}
    with context.source() as source:
        with context.control() as control:
            rows = next_chunk_rows(table.chunk_rows, recent_pace(control, table), row_copy)
            if rows != table.chunk_rows:
                set_chunk_rows(control, table, rows)
        for _ in range(most):
            with context.control() as control:
                number = plan_chunk(source, control, table, table.source, rows)
                if number is None:
                    mark_planned(control, table)
                    planned[last_chunk(control, table)] = ChunkState.PENDING
                    break
            planned[number] = ChunkState.PENDING
    return planned


def _send(context: Context, table: MigrationTable, numbers: Sequence[int]) -> None:
    if not numbers:
        return
    # Noted first: a message that is not noted would be sent again; a note without a message times
    # out.
    with context.control() as control:
        mark_sent(control, table, numbers)
    for number in numbers:
        context.messenger.copy_chunk(context.target, table, number)
