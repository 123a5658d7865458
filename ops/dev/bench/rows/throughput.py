"""The source's own throughput while a copy runs with default settings, against it alone.

The source and its writers have cores and a disk of their own: what the copy costs them is what it
asks of the source, not what the target and the workers take of the same machine.
"""

from __future__ import annotations

from collections.abc import Iterator

from ops.dev.bench.apart import in_memory, keep_apart
from ops.dev.bench.in_turn import Side, in_turn, versus
from ops.dev.bench.lines import Line, at_least
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import Stand
from ops.dev.bench.sysbench import Load, transactions_per_s
from ops.dev.bench.tables import ORDERS, sysbench_table
from pipeline.domain.stages import Stage
from pipeline.errors import known

_COPIED = 4_000_000
_WRITTEN = 100_000
_FOR_S = 20.0
_WHILE, _ALONE = "while copying", "alone"


def _measure(bench: Bench) -> Iterator[Line]:
    load, seconds = Load(rows=bench.rows(_WRITTEN)), bench.seconds(_FOR_S)
    with bench.stand() as stand, in_memory(stand.stack.servers["new"]):
        stand.fill(ORDERS, bench.rows(_COPIED))
        stand.fill(sysbench_table(1), load.rows)
        stand.start_workers()
        keep_apart(known(stand.stack.servers[stand.source].identity, "the source's process"))
        sides: dict[str, Side] = {
            _WHILE: lambda: _while_copying(stand, load, seconds),
            _ALONE: lambda: transactions_per_s(stand, load, seconds),
        }
        rates = in_turn(sides, bench.rounds, bench.say)
    yield versus(rates, _WHILE, _ALONE, at_least(0.85, aim=0.9), "transactions/s")


def _while_copying(stand: Stand, load: Load, seconds: float) -> float:
    """
    Raises:
        SystemExit: the copy has ended too early to say anything.
    """
    migration_id = stand.begin([ORDERS.name, sysbench_table(1).name])
    stand.wait_stage(migration_id, Stage.COPYING)
    rate = transactions_per_s(stand, load, seconds)
    if stand.is_copied(migration_id):
        raise SystemExit("the copy ended before the writes did: it needs more rows")
    stand.discard(migration_id, keep_logs=True)
    return rate


ROW = Row(
    "throughput",
    "sysbench oltp_write_only on the source, 4 threads, on cores and a disk of their own, while 4 M"
    " rows are copied",
    _measure,
    programs=("sysbench",),
    minutes=10,
)
