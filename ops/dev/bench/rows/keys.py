"""Verification by key, while sysbench touches keys all the time: how fast it works a log off.

A log is built up while no verification runs. Then workers and writers start, and what the workers
verify a second is what is gone from the log and what has come to it meanwhile.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from ops.dev.bench.applying import apply_backlog, ready_to_apply
from ops.dev.bench.lines import Line, at_least, median, ratio
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import LIMIT_S, Deadline, Stand
from ops.dev.bench.sysbench import Load, rows_changed, writing
from ops.dev.bench.tables import sysbench_table

_TABLE = sysbench_table(1)
_ROWS = 1_000_000
_KEYS = 400_000
_EACH = 2000  # keys of a transaction
_LEFT = 0.2  # of the log: what the writers add would blur its end


def _measure(bench: Bench) -> Iterator[Line]:
    rows, keys = bench.rows(_ROWS), bench.rows(_KEYS)
    verified, touched = [], []
    with bench.stand() as stand:
        stand.fill(_TABLE, rows)
        migration_id = ready_to_apply(stand, _TABLE)
        for number in range(1, bench.rounds + 1):
            _touch(stand, rows, keys)
            apply_backlog(stand, migration_id)
            stand.start_workers()
            with writing(stand, Load(rows=rows), LIMIT_S):
                verified_per_s, touched_per_s = _work_off(stand, migration_id)
            stand.stop_workers()
            verified.append(verified_per_s)
            touched.append(touched_per_s)
            bench.say(f"round {number}: {verified_per_s:,.0f}/s, touched {touched_per_s:,.0f}/s")
    yield ratio("verified ÷ touched", verified, touched, at_least(2))
    yield median("verified", "keys/s", verified)
    yield median("touched by sysbench", "keys/s", touched)


def _touch(stand: Stand, rows: int, keys: int) -> None:
    chance = random.Random(2026)
    with stand.connect(stand.source) as connection, connection.cursor() as cursor:
        for _ in range(0, keys, _EACH):
            ids = ",".join(str(chance.randint(1, rows)) for _ in range(_EACH))
            cursor.execute(f"UPDATE {_TABLE.full_name} SET k = k + 1 WHERE id IN ({ids})")
            connection.commit()


def _work_off(stand: Stand, migration_id: str) -> tuple[float, float]:
    """Keys verified and keys touched a second, until most of the log is gone."""
    before, changed, began = stand.keys_touched(migration_id), rows_changed(stand), time.monotonic()
    left = before
    deadline = Deadline("the log of touched keys does not get shorter")
    while left > _LEFT * before:
        deadline.pause(0.1)
        left = stand.keys_touched(migration_id)
    seconds, touched = time.monotonic() - began, rows_changed(stand) - changed
    return (before - left + touched) / seconds, touched / seconds


ROW = Row(
    "keys",
    "verification by key of a log of 400,000 keys, under sysbench oltp_write_only, 4 threads",
    _measure,
    programs=("sysbench",),
    minutes=6,
)
