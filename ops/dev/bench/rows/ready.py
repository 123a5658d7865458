"""Four tables of 150,000 rows under sysbench at full speed: soon ready, and then moved."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ops.dev.bench.lines import Line, at_most, median, worst
from ops.dev.bench.refusal import probing, refused_s
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.rows.window import TABLE, finish
from ops.dev.bench.stand import LIMIT_S, Stand
from ops.dev.bench.sysbench import Load, writing
from ops.dev.bench.tables import sysbench_table
from pipeline.domain.stages import Stage

_TABLES = [sysbench_table(number) for number in range(1, 5)]
_ROWS = 150_000
_LIMIT_S = 120.0


def _measure(bench: Bench) -> Iterator[Line]:
    load = Load(tables=len(_TABLES), rows=bench.rows(_ROWS))
    seconds, refused, attempts = [], [], []
    with bench.stand() as stand:
        for table in _TABLES:
            stand.fill(table, load.rows)
        stand.start_workers()
        for number in range(1, bench.rounds + 1):
            ready_s, ms, attempt = _move(stand, load)
            seconds.append(ready_s)
            refused.append(ms)
            attempts.append(attempt)
            bench.say(f"round {number}: ready after {ready_s:.1f} s, refused for {ms:.0f} ms")
    yield median("ready after", "s", seconds, at_most(30, aim=15))
    yield median("refusal", "ms", refused, at_most(500, aim=300))
    yield worst("cut over at attempt", "", attempts, at_most(1))


def _move(stand: Stand, load: Load) -> tuple[float, float, int]:
    with writing(stand, load, LIMIT_S) as sysbench:
        began = time.monotonic()
        migration_id = stand.begin([table.name for table in _TABLES])
        if not stand.gets_to(migration_id, Stage.READY, limit_s=_LIMIT_S):
            sysbench.stop()  # so that it gets there at all: the time says that it was too late
            stand.wait_stage(migration_id, Stage.READY)
        seconds = time.monotonic() - began
        with probing(stand, TABLE.full_name) as prober:
            stand.cut_over(migration_id)
            refused = refused_s(stand, migration_id, prober)
    return seconds, 1000 * refused, finish(stand, migration_id)


ROW = Row(
    "ready",
    "a move of 4 × 150,000 rows under sysbench oltp_write_only, 4 threads",
    _measure,
    programs=("sysbench",),
    minutes=6,
)
