"""Which chunks one task verifies: as many adjoining ones as it takes to be worth a message.

Chunks have been sized by what copying them cost in time and bytes, so a number of them bounds a
run in both; the bytes are looked at, too, since a chunk may hold a few very large rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.control.check_messages import DueCheck
from pipeline.control.chunk_checks import CHUNKS_AT_ONCE

_BYTES_AT_ONCE = 64 << 20
_CONVERTED_AT_ONCE = 2  # a copy of all their rows is made


def in_runs(due: Sequence[DueCheck], most: int, *, in_place: bool) -> list[range]:
    """Up to `most` runs of adjoining chunks among `due`, in their order.

    Where few are due, there are as many runs as may be sent, so that all workers get some.
    `in_place`: their rows are compared as they are.
    """
    at_once = CHUNKS_AT_ONCE if in_place else _CONVERTED_AT_ONCE
    chunks_at_once = min(at_once, math.ceil(len(due) / most))
    runs: list[range] = []
    size = 0
    for check in due:
        size += check.bytes or 0
        run = runs[-1] if runs else range(0)
        adjoins = bool(run) and check.number == run.stop
        if adjoins and len(run) < chunks_at_once and size <= _BYTES_AT_ONCE:
            runs[-1] = range(run.start, check.number + 1)
        else:
            runs.append(range(check.number, check.number + 1))
            size = check.bytes or 0
    return runs[:most]
