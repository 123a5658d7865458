"""What several stages need from the workers: a streamer, verifications; and convergence."""

from __future__ import annotations

from pipeline.control.chunk_checks import ledger_state, rows_at_last_check, send_dirty
from pipeline.control.chunk_map import last_chunk
from pipeline.control.leases import holder
from pipeline.control.touched_keys import count_touched
from pipeline.copy.chunker import plan_chunk
from pipeline.domain.migration import MigrationTable
from pipeline.domain.role import Role
from pipeline.domain.stages import MAY_BE_RETIRED
from pipeline.step.context import Context

_OPEN_CHUNK_FACTOR = 1.5


def ensure_stream(context: Context) -> None:
    """Ask for a streamer if nobody holds the role now."""
    with context.control() as control:
        held = holder(control, context.migration.id, Role.STREAM)
    if held is None or not held.alive:
        context.messenger.serve_stream(context.target, context.migration.id)


def send_verifications(context: Context) -> None:
    """Keep a window of dirty chunks in the hands of the checksum workers."""
    settings = context.settings.checksum
    quiet = context.migration.stage in MAY_BE_RETIRED
    for table in context.tables:
        if not quiet:
            _cut_large_open_chunk(context, table)
        with context.control() as control:
            numbers = send_dirty(
                control, table, settings.window, settings.resend_s, ignore_backoff=quiet
            )
        for number in numbers:
            context.messenger.verify_chunk(context.target, table, number)


def _cut_large_open_chunk(context: Context, table: MigrationTable) -> None:
    """Cut the open chunk before it gets slow: rows added since the start pile up in it."""
    with context.control() as control:
        rows = rows_at_last_check(control, table, last_chunk(control, table))
    if rows <= table.chunk_rows * _OPEN_CHUNK_FACTOR:
        return
    with context.source() as source, context.control() as control:
        plan_chunk(source, control, table, table.source, table.chunk_rows)


def converged(context: Context) -> bool:
    """Whether little is left for a cut-over to verify."""
    with context.control() as control:
        if any(ledger_state(control, table).never_verified for table in context.tables):
            return False
        touched = sum(count_touched(control, table) for table in context.tables)
    return touched <= context.settings.checksum.converged_keys
