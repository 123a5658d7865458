"""100,000 single-row transactions while a copy runs at full speed: the stream keeps up."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ops.dev.bench.applying import executed_on, wait_applied
from ops.dev.bench.lines import Line, at_most, median
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import LIMIT_S, Stand
from ops.dev.bench.sysbench import Load, writing
from ops.dev.bench.tables import ORDERS, sysbench_table
from pipeline.domain.stages import Stage

_COPIED = 10_000_000
_WRITTEN = 100_000
_TRANSACTIONS = 100_000


def _measure(bench: Bench) -> Iterator[Line]:
    load = Load(
        script="oltp_update_non_index", rows=bench.rows(_WRITTEN), threads=8,
        events=bench.rows(_TRANSACTIONS), uniform=True,
    )  # fmt: skip
    lags, rates = [], []
    with bench.stand() as stand:
        stand.fill(ORDERS, bench.rows(_COPIED))
        stand.fill(sysbench_table(1), load.rows)
        stand.start_workers()
        for number in range(1, bench.rounds + 1):
            lag, rate = _lag(stand, load)
            lags.append(lag)
            rates.append(rate)
            bench.say(f"round {number}: {rate:.0f} transactions/s, lag {lag:.2f} s")
    yield median("lag after their end", "s", lags, at_most(1))
    yield median("rate of the writes meanwhile", "transactions/s", rates)


def _lag(stand: Stand, load: Load) -> tuple[float, float]:
    """
    Raises:
        SystemExit: the copy has ended before the writes did.
    """
    migration_id = stand.begin([ORDERS.name, sysbench_table(1).name])
    stand.wait_stage(migration_id, Stage.COPYING)
    with writing(stand, load, LIMIT_S) as sysbench:
        sysbench.wait()
    ended, executed = time.monotonic(), executed_on(stand)
    if stand.is_copied(migration_id):
        raise SystemExit("the copy ended before the writes did: it needs more rows")
    wait_applied(stand, migration_id, executed)
    lag = time.monotonic() - ended
    stand.discard(migration_id)
    return lag, sysbench.transactions_per_s


ROW = Row(
    "lag",
    "100,000 single-row transactions (sysbench oltp_update_non_index, 8 threads) during a copy",
    _measure,
    programs=("sysbench",),
    minutes=15,
)
