"""The first stage: the target's tables, and the position in the binary log to stream from.

The position is read before any row is: every later change arrives through the stream, and every
row at or before it is seen by the chunks' reads. Two things lie before the position and take effect
after it, so they are looked for once it is known: DDL since the definitions were read, and XA
transactions that are prepared, whose rows would be neither in the stream nor visible to a read.
"""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.control.chunk_map import create_first_chunk, create_key_tables
from pipeline.control.streams import create_stream, find_stream
from pipeline.cutover.triggers import rehearse_triggers
from pipeline.domain.hook_names import Hook
from pipeline.domain.stages import Stage
from pipeline.errors import FatalError, StartOverError
from pipeline.hooks.runner import require
from pipeline.mysql.durability import server_run
from pipeline.mysql.flavours import visible_gtids
from pipeline.mysql.xa import prepared_xa, wait_for_xa
from pipeline.preflight.findings import Scope, refuse
from pipeline.preflight.registry import run_preflight
from pipeline.step.context import Context, Outcome
from pipeline.step.lag import source_now
from pipeline.step.source import is_as_planned
from pipeline.strategy.choice import strategy_of

XA_LIMIT_S = 5.0


def prepare(context: Context) -> Outcome:
    """Create what the copy needs; every part may be done already."""
    require(context, Hook.STARTUP)
    for table in context.tables:
        strategy_of(table).prepare_target(context)
    with context.ddl() as target:
        for table in context.tables:
            create_key_tables(target, table)
    with context.control() as control:
        for table in context.tables:
            create_first_chunk(control, table)
    rehearse_triggers(context)
    require(context, Hook.VALIDATED)
    with context.reading() as control:
        known = find_stream(control, context.migration.id)
    if known is None:
        _note_position(context)
    return context.enter(Stage.COPYING, "the target tables exist")


def _note_position(context: Context) -> None:
    with context.source() as source:
        run = server_run(source)
        now = source_now(source)  # before the position: the lag is never understated
        position = visible_gtids(source)
        before = _prepared_before(source)
        _require_as_planned(context, source)
    refuse(run_preflight(context.pools, context.migration.request, Scope.POSITION))
    with context.control() as control:
        create_stream(control, context.migration.id, position, before, run, now)


def _require_as_planned(context: Context, source: Connection) -> None:
    """
    Raises:
        StartOverError: DDL since the definitions were read; it is not in the stream.
    """
    changed = [str(table.source) for table in context.tables if not is_as_planned(source, table)]
    if changed:
        raise StartOverError(
            f"The definition of {', '.join(changed)} has changed since the migration was planned.",
            "Nothing was copied.",
        )


def _prepared_before(source: Connection) -> tuple[str, ...]:
    """XA transactions that were prepared at the position; every later read sees how they ended.

    Raises:
        FatalError: one of them does not end.
    """
    found = prepared_xa(source)  # read after the position: what is not here comes in the stream
    left = wait_for_xa(source, found, XA_LIMIT_S)
    if left:
        raise FatalError(
            f"XA transactions are prepared and do not end: {', '.join(left)}. They may hold rows of"
            " the tables, which the stream would miss.",
            f"Commit them or roll them back (XA ROLLBACK {left[0]};), then: tranship resume ID.",
        )
    return found
