"""Which chunks one task verifies: as many adjoining ones as it takes to be worth a message.

Chunks have been sized by what copying them cost in time and bytes, so a number of them bounds a
run in both; the bytes are looked at, too, since a chunk may hold a few very large rows.

Few chunks are shared among half as many runs as may be in flight. That is about how many workers
there are, since as many messages wait so that no worker has to wait for the coordinator; and a
run's own statements cost half of what the digests of a chunk do.

All chunks of a run share its waits for the stream, so a run is as long where that lags: it costs
less then than as many runs of a chunk each, which wait one after the other. But what was tried in
vain is tried again in smaller runs: the more rows, the more of them are touched meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.control.check_messages import DueCheck
from pipeline.control.chunk_checks import CHUNKS_AT_ONCE

_BYTES_AT_ONCE = 64 << 20
_CONVERTED_AT_ONCE = 2  # a copy of all their rows is made


def chunks_at_once(compares_in_place: bool) -> int:
    """How many chunks a run may have."""
    return CHUNKS_AT_ONCE if compares_in_place else _CONVERTED_AT_ONCE


def in_runs(due: Sequence[DueCheck], most: int, at_once: int) -> list[range]:
    """Up to `most` runs of adjoining chunks among `due`, in their order, `at_once` in each at most.

    All runs are of about the same length, so that where few chunks are due, all workers get some.
    """
    length = math.ceil(len(due) / max(1, most // 2))
    runs: list[range] = []
    size = 0
    for check in due:
        size += check.bytes or 0
        run = runs[-1] if runs else range(0)
        adjoins = bool(run) and check.number == run.stop
        fits = len(run) < min(length, _longest(check, at_once)) and size <= _BYTES_AT_ONCE
        if adjoins and fits:
            runs[-1] = range(run.start, check.number + 1)
        else:
            runs.append(range(check.number, check.number + 1))
            size = check.bytes or 0
    return runs[:most]


def _longest(check: DueCheck, at_once: int) -> int:
    return max(1, min(at_once, CHUNKS_AT_ONCE >> check.attempt))
