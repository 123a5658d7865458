"""Tables of 0.1, 1 and 10 M rows: time per row and memory of each process stay flat.

All are on the same servers, which have copied the largest once before: their memory is in use, and
pages wait to be written back. Still a server's own work for a row grows with the table, as more of
its pages are written back again and again: `mysqldump | mysql` of the same shows how much that is.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import func, select

from ops.dev.bench.copying import start_warm_workers
from ops.dev.bench.in_turn import brief, order
from ops.dev.bench.lines import Line, at_most, median
from ops.dev.bench.memory import peaks
from ops.dev.bench.peers.mysqldump import PEER
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import LIMIT_S, Stand
from ops.dev.bench.sysbench import Load, writing
from ops.dev.bench.tables import TableKind, sysbench_table
from pipeline.control.schema import chunks
from pipeline.domain.stages import Stage

_TABLE = sysbench_table(1)
_SIZES = {100_000: 5, 1_000_000: 3, 10_000_000: 1}  # rows: how often, as half a second is noise
_PER_S = 200  # light writes, so that every process has something to do
_FLAT = at_most(1.2)
_SPREAD = "largest ÷ smallest of the sizes"
_RATIO = "time per row ÷ that of mysqldump | mysql"
_OURS, _PLAIN = "time per row", "time per row of mysqldump | mysql"
_MEMORY = "memory of"
Found = dict[str, float]


def _measure(bench: Bench) -> Iterator[Line]:
    sizes = {bench.rows(rows): times for rows, times in _SIZES.items()}
    with bench.stand() as stand:
        for rows in sizes:
            stand.fill(_sized(rows), rows)
        _once(stand, max(sizes))  # unmeasured
        rounds = [_round(bench, stand, sizes, number) for number in range(1, bench.rounds + 1)]
    for name in rounds[0][0]:
        spread = [_spread([one[name] for one in found]) for found in rounds]
        target = None if name == _PLAIN else _FLAT
        yield median(f"{name}, {_SPREAD}", "×", spread, target, _by_size(name, rounds))


def _round(bench: Bench, stand: Stand, sizes: Mapping[int, int], number: int) -> list[Found]:
    """What was found for each size, the smallest first."""
    some = {rows: _one_size(bench, stand, rows, sizes[rows]) for rows in order(list(sizes), number)}
    found = [some[rows] for rows in sizes]
    shown = (f"{name} {_spread([one[name] for one in found]):.2f}" for name in found[0])
    bench.say(f"round {number}, {_SPREAD}: {', '.join(shown)}")
    return found


def _spread(values: Sequence[float]) -> float:
    return max(values) / min(values)


def _by_size(name: str, rounds: Sequence[Sequence[Found]]) -> str:
    """Each size's median of all rounds."""
    sizes = zip(*rounds, strict=True)
    shown = ", ".join(brief(statistics.median(one[name] for one in size)) for size in sizes)
    return shown + _unit(name)


def _unit(name: str) -> str:
    if name.startswith(_MEMORY):
        return " MiB"
    return "" if name == _RATIO else " µs"


def _one_size(bench: Bench, stand: Stand, rows: int, times: int) -> Found:
    """Medians: microseconds for each row copied, and MiB of each process."""
    values: dict[str, list[float]] = defaultdict(list)
    for _ in range(times):
        for name, value in _once(stand, rows).items():
            values[name].append(value)
    found = {name: statistics.median(some) for name, some in values.items()}
    bench.say(f"{rows} rows: " + ", ".join(f"{name} {brief(one)}" for name, one in found.items()))
    return found


def _once(stand: Stand, rows: int) -> Found:
    with _in_its_place(stand, rows):
        ours, memory = _by_workers(stand, rows)
        plain = PEER.seconds(stand, _TABLE)
    return {
        _RATIO: ours / plain,
        _OURS: 1e6 * ours / rows,
        _PLAIN: 1e6 * plain / rows,
        **{f"{_MEMORY} {name}": mib for name, mib in memory.items()},
    }


def _sized(rows: int) -> TableKind:
    return replace(_TABLE, name=f"rows_{rows}")


@contextmanager
def _in_its_place(stand: Stand, rows: int) -> Iterator[None]:
    """The table of that size goes by the name that sysbench writes to."""
    kept = _sized(rows).full_name
    stand.run(stand.source, f"RENAME TABLE {kept} TO {_TABLE.full_name}")
    yield
    stand.run(stand.source, f"RENAME TABLE {_TABLE.full_name} TO {kept}")


def _by_workers(stand: Stand, rows: int) -> tuple[float, Mapping[str, float]]:
    """Seconds of the copy, and MiB of each process when the migration is ready."""
    start_warm_workers(stand)
    stand.empty(stand.target)
    with writing(stand, Load(rows=rows, threads=1, per_s=_PER_S // 4), LIMIT_S):
        migration_id = stand.begin([_TABLE.name])
        stand.wait_stage(migration_id, Stage.READY)
        seconds, memory = _copy_seconds(stand), peaks(stand)
    stand.discard(migration_id)
    stand.stop_workers()
    return seconds, memory


def _copy_seconds(stand: Stand) -> float:
    """From the first chunk that was taken to the last one that was finished."""
    query = select(func.min(chunks.c.claimed_at), func.max(chunks.c.done_at))
    with stand.pools.begin(stand.target) as control:
        first, last = control.execute(query).one()
    return float((last - first).total_seconds())


ROW = Row(
    "sizes",
    "moves of 0.1, 1 and 10 M rows under light writes, until ready; mysqldump | mysql of the same",
    _measure,
    programs=("sysbench", "mysqldump", "mysql"),
    minutes=35,
)
