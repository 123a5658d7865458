"""How far the target is behind the source."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.control.streams import StreamState, read_stream
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import run
from pipeline.step.context import Context


@dataclass(frozen=True)
class SourceProgress:
    """What a source has executed, and the time by its own clock."""

    executed: GtidSet
    now: float

    def lag_s(self, stream: StreamState) -> float | None:
        """How many seconds of the source's time the target is behind; 0 if nothing is missing.

        None before the first transaction arrives, when there is no time to compare with.
        """
        if stream.position.contains(self.executed):
            return 0.0
        return max(0.0, self.now - stream.source_time) if stream.source_time else None


def source_progress(source: Connection) -> SourceProgress:
    executed = executed_gtids(source)
    now = float(run(source, "SELECT UNIX_TIMESTAMP(NOW(6))").rows[0][0])
    return SourceProgress(executed, now)


def apply_lag_s(context: Context) -> float:
    """How many seconds the target is behind; infinite while that is unknown."""
    with context.source() as source:
        progress = source_progress(source)
    with context.control() as control:
        lag_s = progress.lag_s(read_stream(control, context.migration.id))
    return math.inf if lag_s is None else lag_s
