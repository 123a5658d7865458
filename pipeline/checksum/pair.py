"""Both sides' rows, each in one state, and so opened that a comparison is fair.

The last batch applied is noted, and reads on the source see all that it contained. Open a snapshot
of the source; wait until the position contains all that the source had executed by then; open a
snapshot of the target. A row that no later batch has touched was last changed at or before the
source's snapshot, and that change is in the target's. So it must be equal, however busy the table
is; a row that a later batch has touched may differ.

Nothing is read before both snapshots are open, so both servers work on their digests at the same
time, and what was touched meanwhile is only what the wait let through.

MySQL shows a transaction to readers a moment before it counts it as executed. So the source's
snapshot may hold a change that the wait does not ask for. A difference stands only if a second look
finds it too, which waits for what the source was committing as well. Not at once, since a
transaction may be committing for long where the source is a replica.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from pipeline.checksum.row_sources import Rows, target_rows
from pipeline.checksum.sides import TableSides
from pipeline.pausepoints import Point, reached

T = TypeVar("T")


@dataclass
class Pair:
    """The rows of both sides. `source_s`: for how long the source has been read."""

    source: Rows
    target: Rows
    source_s: float = 0.0

    def both(self, read: Callable[[Rows], T]) -> tuple[T, T]:
        """What `read` finds on the source and on the target, which it asks at the same time."""
        with ThreadPoolExecutor(1) as thread:
            ours = thread.submit(self._read_source, read)
            theirs = read(self.target)
            return ours.result(), theirs

    def _read_source(self, read: Callable[[Rows], T]) -> T:
        began = time.monotonic()
        found = read(self.source)
        self.source_s += time.monotonic() - began
        return found


def looked_at_twice(look: Callable[[bool], T | None]) -> T | None:
    """What a look finds, the second one's if the first one's is true: if something differs.

    `look` is told whether to wait for what the source is committing.
    """
    different = look(False)
    return look(True) if different else different


@contextmanager
def opened(
    sides: TableSides, source_rows: AbstractContextManager[Rows], *, committing: bool
) -> Iterator[Pair | None]:
    """Both sides; None if the target does not catch up in time."""
    with source_rows as source:
        reached(Point.VERIFY_SOURCE_READ)
        if not sides.target_has_caught_up(source.connection, committing=committing):
            yield None
            return
        with sides.pools.snapshot(sides.target) as target:
            reached(Point.VERIFY_TARGET_READ)
            yield Pair(source, target_rows(target, sides.table))
