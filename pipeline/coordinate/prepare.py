"""The first stage: the target's tables, and the position in the binary log to stream from.

The position is read before any row is: every later change arrives through the stream, and every
row at or before it is seen by the chunks' reads.
"""

from __future__ import annotations

from pipeline.control.chunk_map import create_first_chunk, create_key_tables
from pipeline.control.streams import create_stream, find_stream
from pipeline.cutover.triggers import rehearse_triggers
from pipeline.domain.hook_names import Hook
from pipeline.domain.stages import Stage
from pipeline.hooks.runner import require
from pipeline.mysql.flavours import visible_gtids
from pipeline.step.context import Context, Outcome
from pipeline.step.lag import source_now
from pipeline.strategy.choice import strategy_of


def prepare(context: Context) -> Outcome:
    """Create what the copy needs; every part may be done already."""
    require(context, Hook.STARTUP)
    for table in context.tables:
        strategy_of(table).prepare_target(context)
        with context.ddl() as target:
            create_key_tables(target, table)
        with context.control() as control:
            create_first_chunk(control, table)
    rehearse_triggers(context)
    require(context, Hook.VALIDATED)
    with context.control() as control:
        known = find_stream(control, context.migration.id)
    if known is None:
        with context.source() as source:
            now = source_now(source)  # before the position: the lag is never understated
            position = visible_gtids(source)
        with context.control() as control:
            create_stream(control, context.migration.id, position, now)
    return context.enter(Stage.COPYING, "the target tables exist")
