"""Verifies dirty ranges until few are left, and goes on doing so until the cut-over.

Converged: every range was verified whole, and so few keys were touched since that verifying
them within the cut-over is a matter of a second. (Not "every range is clean": a table that
is written all over, all the time, is dirty all the time.)
"""

from __future__ import annotations

from pipeline.control.pieces import last_piece
from pipeline.control.ranges import ledger_state, range_rows, send_dirty
from pipeline.control.records import Moved, Stage
from pipeline.control.touched import count_touched
from pipeline.coordinate.context import Context, Outcome
from pipeline.coordinate.copying import ensure_stream
from pipeline.copy.chunker import plan_chunk
from pipeline.cutover.stages import AFTER_RENAME
from pipeline.throttle.assess import assess

_OPEN_PIECE_FACTOR = 1.5


def converge(context: Context) -> Outcome:
    """One pass of verification; on to READY when it has converged."""
    ensure_stream(context)
    if assess(context).throttled:
        return Outcome.LATER
    send_verifications(context)
    if not converged(context):
        return Outcome.LATER
    return context.enter(Stage.READY, "every range is verified, few are dirty")


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
