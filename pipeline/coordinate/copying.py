"""Keeps a bounded window of chunks in flight until every table is copied.

Whatever Redis loses is sent again: a chunk that was sent and not claimed in time is pending
again. A claim that nobody renews any more belongs to a worker that is gone or stopped; the worker's
connection is killed, so that its locks are released, and the chunk is released, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from pipeline.configuration.settings import Copy
from pipeline.control.chunk_map import cut_open_chunk, key_range, last_chunk
from pipeline.control.chunks import (
    UnfinishedChunk,
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
from pipeline.copy.chunker import chunk_sizes, next_bounds, next_chunk_rows
from pipeline.domain.chunk_state import ChunkState
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook
from pipeline.domain.migration import MigrationTable
from pipeline.domain.stages import Stage
from pipeline.hooks.runner import require, tell_once
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.keyrange import Bound
from pipeline.mysql.pools import kill_connection
from pipeline.mysql.servers import unsearchable
from pipeline.step.context import Context, Outcome
from pipeline.step.dispatch import ensure_stream
from pipeline.throttle.assess import assess
from pipeline.throttle.limits import copy_of

_AT_ONCE = 4  # chunks that are cut in one transaction


def copy(context: Context) -> Outcome:
    """One pass: release what is stuck, plan, send."""
    require(context, Hook.BEFORE_ROW_COPY)
    ensure_stream(context)
    throttle = assess(context)
    left = [(table, _unfinished(context, table)) for table in context.tables if not table.copied]
    if not throttle.throttled:
        row_copy = copy_of(context.settings.row_copy, throttle)
        windows = throttle.windows(row_copy.window, len(left))
        for (table, unfinished), window in zip(left, windows, strict=True):
            _advance_table(context, table, unfinished, row_copy, window)
    copied = [table for table, unfinished in left if table.planned and not unfinished]
    _mark_copied(context, copied)
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


def _unfinished(context: Context, table: MigrationTable) -> list[UnfinishedChunk]:
    """Chunks that are planned and not done, once those that are stuck have been released."""
    settings = context.settings.row_copy
    with context.reading() as control:
        found = unfinished_chunks(control, table)
    if not any(one.is_stuck(settings.resend_s, settings.stale_claim_s) for one in found):
        return found
    _release_stuck(context, table)
    with context.reading() as control:
        return unfinished_chunks(control, table)


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


def _mark_copied(context: Context, copied: Sequence[MigrationTable]) -> None:
    if copied:
        with context.control() as control:
            for table in copied:
                mark_copied(control, table)


def _advance_table(
    context: Context,
    table: MigrationTable,
    unfinished: Sequence[UnfinishedChunk],
    row_copy: Copy,
    window: int,
) -> None:
    """Send what is to be sent again, and then as many new chunks as the window has room for."""
    if not table.planned:
        unfinished = unfinished[:-1]  # the open chunk is not sent before it is the table's end
    pending = [one.number for one in unfinished if one.state is ChunkState.PENDING]
    in_flight = len(unfinished) - len(pending)
    if again := pending[: max(0, window - in_flight)]:
        with context.control() as control:
            mark_sent(control, table, again)
        _send(context, table, again)
    if not table.planned:
        _plan(context, table, row_copy, window - len(unfinished))


def _plan(context: Context, table: MigrationTable, row_copy: Copy, most: int) -> None:
    """Cut up to `most` chunks off the open one and send them, a few at a time.

    So workers begin with the first ones while the others are looked for.
    """
    if most <= 0:
        return
    with context.reading() as control:
        lower = key_range(control, table, last_chunk(control, table)).lower
        rows = next_chunk_rows(table.chunk_rows, recent_pace(control, table), row_copy)
    with context.source() as source:
        bounds = next_bounds(source, table, table.source, lower, chunk_sizes(lower, rows))
        while most > 0:
            wanted = min(most, _AT_ONCE)
            some = list(islice(bounds, wanted))
            _send(context, table, _cut(context, table, rows, some, ends=len(some) < wanted))
            most = most - wanted if len(some) == wanted else 0


def _cut(
    context: Context, table: MigrationTable, rows: int, bounds: Sequence[Bound], *, ends: bool
) -> list[int]:
    """Cut chunks of `rows` rows and note them as sent; if the table ends, the open one, too."""
    with context.control() as control:
        numbers = list(cut_open_chunk(control, table, bounds)) if bounds else []
        if ends:
            numbers.append(last_chunk(control, table))
        mark_sent(control, table, numbers)
        if ends:  # the table's row is locked last, as by whoever has copied a chunk
            mark_planned(control, table)
        if rows != table.chunk_rows:
            set_chunk_rows(control, table, rows)
    return numbers


def _send(context: Context, table: MigrationTable, numbers: Sequence[int]) -> None:
    """Send chunks that are noted as sent already.

    A message that is not noted would be sent again; a note without a message times out.
    """
    for number in numbers:
        context.messenger.copy_chunk(context.target, table, number)
