"""How far the target is behind the source."""

from __future__ import annotations

import math

from pipeline.control.streams import read_stream
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.pools import run
from pipeline.step.context import Context


def apply_lag_s(context: Context) -> float:
    """Seconds of the source's time that the target is behind; 0 when nothing is missing."""
    with context.source() as source:
        executed = executed_gtids(source)
        now = float(run(source, "SELECT UNIX_TIMESTAMP(NOW(6))").rows[0][0])
    with context.control() as control:
        state = read_stream(control, context.migration.id)
    if state.position.contains(executed):
        return 0.0
    # Before the first transaction arrives there is no time to compare with.
    return max(0.0, now - state.source_time) if state.source_time else math.inf
