"""Tables of 0.1, 1 and 10 M rows: time per row and memory of each process stay flat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sqlalchemy import func, select

from ops.dev.bench.lines import Line, at_most, median
from ops.dev.bench.memory import peaks
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import LIMIT_S, Stand
from ops.dev.bench.sysbench import Load, writing
from ops.dev.bench.tables import sysbench_table
from pipeline.control.schema import chunks
from pipeline.domain.stages import Stage

_TABLE = sysbench_table(1)
_SIZES = (100_000, 1_000_000, 10_000_000)
_PER_S = 200  # light writes, so that every process has something to do
_TIME = "time per row"
Found = dict[str, float]


def _measure(bench: Bench) -> Iterator[Line]:
    spread: dict[str, list[float]] = defaultdict(list)
    for number in range(1, bench.rounds + 1):
        found = [_one_size(bench, bench.rows(rows)) for rows in _SIZES]
        for name in found[0]:
            spread[name].append(_spread([one[name] for one in found]))
        shown = ", ".join(f"{name} {values[-1]:.2f}" for name, values in spread.items())
        bench.say(f"round {number}: {shown}")
    for name, values in spread.items():
        yield median(f"{name}, largest ÷ smallest of the sizes", "×", values, at_most(1.2))


def _spread(values: Sequence[float]) -> float:
    return max(values) / min(values)


def _one_size(bench: Bench, rows: int) -> Found:
    """Microseconds for each row copied, and MiB of each process."""
    with bench.stand() as stand:
        stand.fill(_TABLE, rows)
        stand.start_workers()
        with writing(stand, Load(rows=rows, threads=1, per_s=_PER_S // 4), LIMIT_S):
            migration_id = stand.begin([_TABLE.name])
            stand.wait_stage(migration_id, Stage.READY)
            memory = peaks(stand)
            found = {_TIME: 1e6 * _copy_seconds(stand) / rows}
    found |= {f"memory of {name}": mib for name, mib in memory.items()}
    bench.say(f"{rows} rows: " + ", ".join(f"{name} {one:.1f}" for name, one in found.items()))
    return found


def _copy_seconds(stand: Stand) -> float:
    """From the first chunk that was taken to the last one that was finished."""
    query = select(func.min(chunks.c.claimed_at), func.max(chunks.c.done_at))
    with stand.pools.begin(stand.target) as control:
        first, last = control.execute(query).one()
    return float((last - first).total_seconds())


ROW = Row(
    "sizes",
    "moves of 0.1, 1 and 10 M rows under light writes, until ready",
    _measure,
    programs=("sysbench",),
    minutes=50,
)
