"""Keeps a bounded window of chunks in flight until every table is copied.

Whatever Redis loses is sent again: a chunk that was sent and not claimed in time is
pending again. A chunk claimed for too long belongs to a worker that is gone or stopped;
its connection is killed, so that its locks go, and the chunk is freed.
"""

from __future__ import annotations

from pipeline.configuration.settings import Copy
from pipeline.control.chunk_map import last_piece
from pipeline.control.chunks import (
    ChunkState,
    forget_unclaimed,
    free_chunk,
    mark_sent,
    recent_pace,
    stale_claims,
    unfinished_chunks,
)
from pipeline.control.migrations import update_moved
from pipeline.copy.chunker import chunk_rows, plan_chunk
from pipeline.domain.hook_names import Hook
from pipeline.domain.migration import Moved
from pipeline.domain.stages import Stage
from pipeline.hooks.runner import require, tell_once
from pipeline.mysql.pools import kill_connection
from pipeline.step.context import Context, Outcome
from pipeline.step.dispatch import ensure_stream
from pipeline.throttle.assess import assess
from pipeline.throttle.limits import copy_of


def copy(context: Context) -> Outcome:
    """One pass: free what is stuck, plan, send."""
    require(context, Hook.BEFORE_ROW_COPY)
    ensure_stream(context)
    throttle = assess(context)
    for moved in context.moved:
        if not moved.copied:
            _free_stuck(context, moved)
            if not throttle.throttled:
                row_copy = copy_of(context.settings.row_copy, throttle)
                window = min(row_copy.window, throttle.window or row_copy.window)
                _advance_table(context, moved, row_copy, window)
    with context.control() as control:
        left = [moved for moved in context.moved if not moved.copied]
        copied = [
            moved for moved in left if moved.planned and not unfinished_chunks(control, moved)
        ]
        for moved in copied:
            update_moved(control, moved.id, copied=True)
    if len(copied) < len(left):
        return Outcome.LATER
    tell_once(context, Hook.ROW_COPY_COMPLETE)
    return context.enter(Stage.CONVERGING, "every chunk is copied")


def _free_stuck(context: Context, moved: Moved) -> None:
    settings = context.settings.row_copy
    with context.control() as control:
        forget_unclaimed(control, moved, settings.resend_s)
        stale = stale_claims(control, moved, settings.stale_claim_s)
    for claim in stale:
        kill_connection(context.pools, context.target, claim.connection_id, claim.age_s)
        with context.control() as control:
            free_chunk(control, moved, claim.no)
        context.note("chunk", f"{moved.source} chunk {claim.no}: its worker is gone; freed")


def _advance_table(context: Context, moved: Moved, row_copy: Copy, window: int) -> None:
    with context.control() as control:
        unfinished = dict(unfinished_chunks(control, moved))
        open_piece = last_piece(control, moved)
    if not moved.planned:
        unfinished.pop(open_piece, None)
        unfinished |= _plan(context, moved, row_copy, window - len(unfinished))
    pending = [no for no, state in unfinished.items() if state is ChunkState.PENDING]
    in_flight = len(unfinished) - len(pending)
    for no in pending[: max(0, window - in_flight)]:
        _send(context, moved, no)


def _plan(context: Context, moved: Moved, row_copy: Copy, most: int) -> dict[int, ChunkState]:
    """Cut up to `most` chunks; at the table's end the open piece becomes one too."""
    if most <= 0:
        return {}
    planned: dict[int, ChunkState] = {}
    with context.source() as source:
        with context.control() as control:
            rows = chunk_rows(moved, recent_pace(control, moved), row_copy)
            if rows != moved.chunk_rows:
                update_moved(control, moved.id, chunk_rows=rows)
        for _ in range(most):
            with context.control() as control:
                no = plan_chunk(source, control, moved, moved.source, rows)
                if no is None:
                    update_moved(control, moved.id, planned=True)
                    planned[last_piece(control, moved)] = ChunkState.PENDING
                    break
            planned[no] = ChunkState.PENDING
    return planned


def _send(context: Context, moved: Moved, no: int) -> None:
    # Noted first: a message without a note would be sent again, a note without a message
    # is found by the time-out.
    with context.control() as control:
        mark_sent(control, moved, no)
    context.messenger.copy_chunk(context.target, moved, no)
