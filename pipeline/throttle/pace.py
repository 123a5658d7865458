"""Decides how many chunks may be in flight: fewer near a limit, and one while the stream lags.

The stream comes first: copying and verifying load the same servers as it does, and verifying what
is about to change again is work for nothing. So from a certain lag on one chunk is in flight, for
the whole migration, whatever there was before. It is never none: under a writer that the stream
can't follow, a copy that waits for it would never end. As the stream catches up the number grows
again, but not before the lag is half of that, or it would swing between the two.

Near a limit of another signal the number is halved, down to one; far from all of them it grows by
a quarter, up to what is configured. So a migration mostly slows down before it has to stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.domain.reading import Reading

_GROWTH = 4
_CAUGHT_UP = 0.5


@dataclass(frozen=True)
class Pace:
    """Chunks in flight at most; slowed: the stream has lagged, and `window` is not back yet."""

    window: int
    slowed: bool = False


def next_pace(
    before: Pace, most: int, found: Sequence[Reading], lag_s: float, yield_lag_s: float
) -> Pace:
    """The pace until the next assessment, of at most `most` chunks in flight.

    `found` are the signals that hold back at a limit; from `yield_lag_s` on the stream comes first.
    """
    if lag_s >= yield_lag_s:
        return Pace(1, slowed=True)
    now = min(before.window, most)
    if any(reading.near for reading in found):
        window = max(1, now // 2)
    elif lag_s >= _CAUGHT_UP * yield_lag_s:
        window = now
    else:
        window = min(most, now + max(1, now // _GROWTH))
    return Pace(window, before.slowed and window < most)
