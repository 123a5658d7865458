"""10 M rows under 1,500 random updates a second: it converges, and little is left to verify."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ops.dev.bench.lines import Line, at_least, at_most, median, worst
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import LIMIT_S, Stand
from ops.dev.bench.sysbench import Load, rows_changed, writing
from ops.dev.bench.tables import sysbench_table
from pipeline.domain.stages import Stage

_TABLE = sysbench_table(1)
_ROWS = 10_000_000
_PER_S = 1500
_LIMIT_S = 900.0
_LOOKS = 20


def _measure(bench: Bench) -> Iterator[Line]:
    rows = bench.rows(_ROWS)
    load = Load(
        script="oltp_update_non_index", rows=rows, threads=8, per_s=_PER_S, uniform=True
    )  # fmt: skip
    seconds, converged, left = [], [], []
    with bench.stand() as stand:
        stand.fill(_TABLE, rows)
        stand.start_workers()
        for number in range(1, bench.rounds + 1):
            with writing(stand, load, LIMIT_S):
                began = time.monotonic()
                migration_id = stand.begin([_TABLE.name])
                converged.append(float(stand.gets_to(migration_id, Stage.READY, limit_s=_LIMIT_S)))
                seconds.append(time.monotonic() - began)
                left.append(_left_s(stand, migration_id))
            bench.say(f"round {number}: {seconds[-1]:.0f} s, {left[-1]:.2f} s of writes left")
            stand.discard(migration_id)
    yield worst("rounds that converge", "", converged, at_least(1))
    yield median("left to verify, in seconds of writes", "s", left, at_most(3))
    yield median("from the start until ready", "s", seconds)


def _left_s(stand: Stand, migration_id: str) -> float:
    """The most that was left in some looks at it, in seconds of what is written meanwhile."""
    began, before = time.monotonic(), rows_changed(stand)
    most = 0
    for _ in range(_LOOKS):
        most = max(most, stand.keys_touched(migration_id))
        time.sleep(0.5)
    return most * (time.monotonic() - began) / max(1, rows_changed(stand) - before)


ROW = Row(
    "converge",
    "a move of 10 M rows under 1,500 random updates a second (sysbench oltp_update_non_index)",
    _measure,
    programs=("sysbench",),
    minutes=45,
)
