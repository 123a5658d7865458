"""A control schema with 1,000,000 finished chunks, against one with 1,000.

The migration is a real one, of a small table, whose chunks are then replaced by as many as a large
table would have: all copied and verified, one key in each. So what reads all of them shows, and
nothing else differs.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import update

from ops.dev.bench.applying import apply_backlog, ready_to_apply
from ops.dev.bench.lines import Line, at_most, ratio
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import WHO, Stand
from ops.dev.bench.tables import ORDERS
from ops.metrics.collector import MigrationCollector
from pipeline.control.chunk_map import NUMBER, bounds_table
from pipeline.control.migration_tables import read_tables
from pipeline.control.schema import SCHEMA, migration_tables, migrations
from pipeline.coordinate.advance import advance
from pipeline.domain.migration import MigrationTable
from pipeline.domain.processes import Processes
from pipeline.domain.stages import Stage
from pipeline.status.progress import read_progress

_ROWS = 20_000
_FEW, _MANY = 1_000, 1_000_000
_REPEATS = 9
_UPDATES = 20_000
Times = Mapping[str, float]


class _Silent:
    """A messenger whose messages all get lost."""

    def copy_chunk(self, target: str, table: MigrationTable, number: int) -> None:
        return

    def verify_chunk(self, target: str, table: MigrationTable, number: int) -> None:
        return

    def verify_keys(self, target: str, table: MigrationTable) -> None:
        return

    def serve_stream(self, target: str, migration_id: str) -> None:
        return


def _measure(bench: Bench) -> Iterator[Line]:
    few: list[Times] = []
    many: list[Times] = []
    with bench.stand() as stand:
        stand.fill(ORDERS, _ROWS)
        migration_id = ready_to_apply(stand, ORDERS)
        for number in range(1, bench.rounds + 1):
            for found, count in ((few, _FEW), (many, bench.rows(_MANY))):
                _grow(stand, migration_id, count)
                found.append(_times(stand, migration_id))
            bench.say(f"round {number}: few {_shown(few[-1])}; many {_shown(many[-1])}")
    for what in few[0]:
        above, below = [one[what] for one in many], [one[what] for one in few]
        figures = f"{statistics.median(above):.1f} and {statistics.median(below):.1f} ms"
        yield ratio(what, above, below, at_most(1.5), figures)


def _shown(times: Times) -> str:
    return ", ".join(f"{what} {ms:.1f} ms" for what, ms in times.items())


def _times(stand: Stand, migration_id: str) -> Times:
    """Milliseconds of each thing that happens again and again."""
    pools, target = stand.pools, stand.target
    collector = MigrationCollector(pools, Processes)
    times = {
        "status": _repeated(lambda: read_progress(pools, target, migration_id)),
        "metrics": _repeated(lambda: list(collector.collect())),
        "coordinator's step, ready": _repeated(lambda: _step(stand, migration_id)),
    }
    with _copying(stand, migration_id):
        times["coordinator's step, copying"] = _repeated(lambda: _step(stand, migration_id))
    times["apply 20,000 updates"] = _apply(stand, migration_id)
    return times


def _repeated(call: Callable[[], object]) -> float:
    """Milliseconds, the median of some calls; the first one only warms up."""
    call()
    return statistics.median(_timed(call) for _ in range(_REPEATS))


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - began)


def _step(stand: Stand, migration_id: str) -> None:
    advance(stand.pools, stand.target, migration_id, _Silent(), WHO)


def _apply(stand: Stand, migration_id: str) -> float:
    with stand.connect(stand.source) as connection, connection.cursor() as cursor:
        for _ in range(_UPDATES // 1000):
            cursor.execute(
                f"UPDATE {ORDERS.full_name} SET version = version + 1 ORDER BY RAND() LIMIT 1000"
            )
            connection.commit()
    return 1000 * apply_backlog(stand, migration_id)


@contextmanager
def _copying(stand: Stand, migration_id: str) -> Iterator[None]:
    """As if the table were still being copied: one chunk is with a worker."""
    with stand.pools.begin(stand.target) as control:
        (table,) = read_tables(control, migration_id)
    _set_stage(stand, Stage.COPYING, copied=False)
    last = "number = 1 AND table_id = " + str(table.id)
    stand.run(
        stand.target,
        f"UPDATE {SCHEMA}.chunks SET state = 'claimed', claimed_at = UTC_TIMESTAMP(6) WHERE {last}",
    )
    yield
    stand.run(stand.target, f"UPDATE {SCHEMA}.chunks SET state = 'done' WHERE {last}")
    _set_stage(stand, Stage.READY, copied=True)


def _set_stage(stand: Stand, stage: Stage, *, copied: bool) -> None:
    with stand.pools.begin(stand.target) as control:
        control.execute(update(migrations).values(stage=stage))
        control.execute(update(migration_tables).values(copied=copied))


def _grow(stand: Stand, migration_id: str, count: int) -> None:
    """Give the table `count` chunks: the first ones hold a key each, the last one is open."""
    with stand.pools.begin(stand.target) as control:
        (table,) = read_tables(control, migration_id)
    bounds, the_table = bounds_table(table), f"table_id = {table.id}"
    numbers = (
        f"WITH RECURSIVE n AS (SELECT 0 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {count - 1})"
    )
    stand.run(
        stand.target,
        f"SET SESSION cte_max_recursion_depth = {count}",
        f"DELETE FROM {SCHEMA}.chunks WHERE {the_table}",
        f"DELETE FROM {SCHEMA}.chunk_checks WHERE {the_table}",
        f"DELETE FROM {bounds}",
        f"INSERT INTO {SCHEMA}.chunks (table_id, number, state, attempt, sent_at, claimed_at,"
        f" done_at, `rows`, bytes, seconds, failures) {numbers} SELECT {table.id}, i, 'done', 1,"
        " UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), 1, 100, 0.1, 0 FROM n",
        f"INSERT INTO {SCHEMA}.chunk_checks (table_id, number, fully_verified, attempt,"
        f" verified_at, repairs, failures) {numbers}"
        f" SELECT {table.id}, i, 1, 1, UTC_TIMESTAMP(6), 0, 0 FROM n",
        f"INSERT INTO {bounds} ({NUMBER}, id) {numbers} SELECT i, i FROM n WHERE i < {count - 1}",
        # What a million rows have left behind in the indexes would cost those after them time.
        f"OPTIMIZE TABLE {SCHEMA}.chunks, {SCHEMA}.chunk_checks, {bounds}",
    )


ROW = Row(
    "growth",
    "1,000,000 finished chunks in the control schema, against 1,000",
    _measure,
    minutes=15,
)
