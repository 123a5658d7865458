"""What several stages ask of the workers: a streamer, verifications; and whether they converged."""

from __future__ import annotations

from pipeline.control.chunk_checks import ledger_state, range_rows, send_dirty
from pipeline.control.chunk_map import last_piece
from pipeline.control.leases import Role, holder
from pipeline.control.touched_keys import count_touched
from pipeline.copy.chunker import plan_chunk
from pipeline.domain.migration import Moved
from pipeline.domain.stages import AFTER_RENAME
from pipeline.step.context import Context

_OPEN_PIECE_FACTOR = 1.5


def ensure_stream(context: Context) -> None:
    """Ask for a streamer if nobody holds the role now."""
    with context.control() as control:
        held = holder(control, context.migration.id, Role.STREAM)
    if held is None or not held.alive:
        context.messenger.serve_stream(context.target, context.migration.id)


def send_verifications(context: Context) -> None:
    """Keep a window of dirty ranges in the hands of the checksum workers."""
    settings = context.settings.checksum
    quiet = context.migration.stage in AFTER_RENAME
    for moved in context.moved:
        if not quiet:
            _cut_large_open_piece(context, moved)
        with context.control() as control:
            numbers = send_dirty(control, moved, settings.window, settings.resend_s, at_once=quiet)
        for no in numbers:
            context.messenger.verify_range(context.target, moved, no)


def _cut_large_open_piece(context: Context, moved: Moved) -> None:
    """Rows born since the start pile up in the open piece; cut it before it gets slow."""
    with context.control() as control:
        rows = range_rows(control, moved, last_piece(control, moved))
    if rows <= moved.chunk_rows * _OPEN_PIECE_FACTOR:
        return
    with context.source() as source, context.control() as control:
        plan_chunk(source, control, moved, moved.source, moved.chunk_rows)


def converged(context: Context) -> bool:
    """Whether a cut-over would find little left to verify."""
    with context.control() as control:
        if any(ledger_state(control, moved).not_whole for moved in context.moved):
            return False
        touched = sum(count_touched(control, moved) for moved in context.moved)
    return touched <= context.settings.checksum.converged_keys
