"""How far the target is behind the source, in the source's time.

The lag is the age of the oldest transaction that is not applied. What is known of that is from when
on it can be: everything up to the commit of the last transaction applied is there, and so is
everything up to the last moment at which nothing was missing. Without the second, the first
transaction after an idle hour would look like a lag of an hour.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.control.streams import StreamState, read_stream
from pipeline.control.throttles import read_throttle
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import run
from pipeline.step.context import Context


@dataclass(frozen=True)
class SourceProgress:
    """The time by a source's clock, and what it had executed right after that."""

    executed: GtidSet
    now: float

    def is_applied(self, stream: StreamState) -> bool:
        """Whether nothing is missing on the target."""
        return stream.position.contains(self.executed)

    def lag_s(self, stream: StreamState, caught_up_at: float | None) -> float:
        """How many seconds of the source's time the target is behind.

        `caught_up_at` is when nothing was missing last, if that was seen.
        """
        if self.is_applied(stream):
            return 0.0
        return max(0.0, self.now - max(stream.source_time, caught_up_at or 0.0))


@dataclass(frozen=True)
class Lag:
    """The lag, and when nothing was missing, by the source's clock; None: not seen yet."""

    seconds: float
    caught_up_at: float | None


def source_progress(source: Connection) -> SourceProgress:
    now = source_now(source)
    return SourceProgress(executed_gtids(source), now)


def source_now(source: Connection) -> float:
    """The source's clock, in epoch seconds."""
    return float(run(source, "SELECT UNIX_TIMESTAMP(NOW(6))").rows[0][0])


def read_lag(context: Context) -> Lag:
    """How far the target is behind now. Without a streamer that grows with the first write."""
    with context.source() as source:
        progress = source_progress(source)
    with context.reading() as control:
        stream = read_stream(control, context.migration.id)
        before = read_throttle(control, context.migration.id).caught_up_at
    if progress.is_applied(stream):
        return Lag(0.0, progress.now)
    return Lag(progress.lag_s(stream, before), before)


def apply_lag_s(context: Context) -> float:
    """How many seconds the target is behind."""
    return read_lag(context).seconds
