"""What several stages need from the workers: a streamer, verifications; and convergence."""

from __future__ import annotations

import math

from sqlalchemy import Connection

from pipeline.configuration.settings import Checksum
from pipeline.control.check_messages import (
    due_checks,
    mark_checks_sent,
    runs_in_flight,
    waits_to_be_sent,
)
from pipeline.control.chunk_checks import unverified_chunks
from pipeline.control.chunk_map import last_chunk
from pipeline.control.leases import holder
from pipeline.control.throttles import ThrottleState, read_throttle
from pipeline.control.touched_keys import count_touched, keys_per_s, send_keys
from pipeline.copy.chunker import plan_chunk
from pipeline.domain.migration import MigrationTable
from pipeline.domain.role import Role
from pipeline.step.context import Context
from pipeline.step.runs import chunks_at_once, in_runs
from pipeline.strategy.choice import strategy_of


def ensure_stream(context: Context) -> bool:
    """Whether somebody holds the streamer's role now; if not, ask for one."""
    with context.reading() as control:
        held = holder(control, context.migration.id, Role.STREAM)
    if held is not None and held.alive:
        return True
    context.messenger.serve_stream(context.target, context.migration.id)
    return False


def send_verifications(context: Context) -> None:
    """Keep chunks to be verified in full, and touched keys, in the hands of checksum workers."""
    settings = context.settings.checksum
    with context.reading() as control:
        throttle = read_throttle(control, context.migration.id)
    for table in context.tables:
        _cut_open_chunk(context, table)
        with context.control() as control:
            runs = _mark_runs(control, table, settings, throttle)
            keys = send_keys(control, table, settings.resend_s)
        for run in runs:
            context.messenger.verify_chunk(context.target, table, run[0])
        if keys:
            context.messenger.verify_keys(context.target, table)


def _mark_runs(
    control: Connection, table: MigrationTable, settings: Checksum, throttle: ThrottleState
) -> list[range]:
    """Chunks to be verified in full, each run of them noted as sent in one message."""
    window = min(settings.window, throttle.window or settings.window)
    most = window - runs_in_flight(control, table, settings.resend_s)
    if most <= 0:
        return []
    at_once = chunks_at_once(strategy_of(table).compares_in_place)
    due = due_checks(control, table, most * at_once, settings.resend_s)
    runs = in_runs(due, most, at_once)
    for run in runs:
        mark_checks_sent(control, table, run)
    return runs


def _cut_open_chunk(context: Context, table: MigrationTable) -> None:
    """Cut the open chunk before it is sent: rows added since the start pile up in it.

    Not while it is being verified, which a cut makes void: a table that grows all the time would
    never be done.
    """
    settings = context.settings.checksum
    with context.reading() as control:
        open_chunk = last_chunk(control, table)
        if not waits_to_be_sent(control, table, open_chunk, settings.resend_s):
            return
    for _ in range(settings.window):
        with context.source() as source, context.control() as control:
            if plan_chunk(source, control, table, table.source, table.chunk_rows) is None:
                return


def converged(context: Context) -> bool:
    """Whether little is left for a cut-over to verify: what takes `converged_s` at most."""
    most_s = context.settings.checksum.converged_s
    with context.reading() as control:
        if any(unverified_chunks(control, table, 1) for table in context.tables):
            return False
        left_s = sum(_keys_left_s(control, table, most_s) for table in context.tables)
    return left_s <= most_s


def _keys_left_s(control: Connection, table: MigrationTable, most_s: float) -> float:
    """How many seconds it takes to compare the touched keys; what is more than `most_s` is more."""
    per_s = keys_per_s(control, table)
    return count_touched(control, table, math.floor(most_s * per_s) + 1) / per_s
