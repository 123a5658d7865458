"""A streamer in a thread of the test, for one move, and what it leaves on record."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.mysql.pools import Pools, run
from pipeline.stream.streamer import Streamer
from tests.support.direct import DirectMove
from tests.support.moves import TARGET, read


@contextmanager
def streaming(move: DirectMove, pools: Pools | None = None) -> Iterator[None]:
    """A streamer for the move; with `pools`, by other settings than the test's."""
    streamer = Streamer(pools or move.pools, TARGET, move.migration_id, "test")
    thread = threading.Thread(target=streamer.run)
    thread.start()
    try:
        yield
    finally:
        streamer.stopping.set()
        thread.join()


def explanation(move: DirectMove) -> str:
    """Why the migration fails; empty if it does not."""
    failure = read(move.pools, move.migration_id).failure
    return "" if failure is None else failure.explanation


def rows(move: DirectMove) -> int:
    """How many the target has."""
    with move.pools.begin(TARGET) as target:
        return int(run(target, f"SELECT COUNT(*) FROM {move.table.target}").rows[0][0])
