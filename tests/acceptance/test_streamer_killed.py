"""Position and data are never apart (I1): the streamer is killed again and again.

One writer makes transactions that each add one to every row of a table. Nothing else is
committed on the source, so that the position alone says what every row must hold.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pipeline.commands import control
from pipeline.domain.stages import Stage
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.moves import SOURCE, TARGET, begin_move, wait_for, wait_until
from tests.support.stack import Stack

COUNTERS = 50
_PAUSE_S = 0.005  # the stream is down most of the time, and has to catch up in the end
SHORT, LONG = 3, 50


@contextmanager
def counting(connection: Any, schema: str) -> Iterator[list[int]]:
    """Transactions one after the other, in one or in several statements; how many there were."""
    made = [0]
    stopping = threading.Event()
    chance = random.Random(1)

    def write() -> None:
        with connection.cursor() as cursor:
            while not stopping.is_set():
                cuts = sorted(chance.sample(range(1, COUNTERS), chance.choice((0, 0, 3))))
                for low, high in zip([0, *cuts], [*cuts, COUNTERS], strict=True):
                    cursor.execute(
                        f"UPDATE {schema}.counters SET n = n + 1 WHERE id > {low} AND id <= {high}"
                    )
                connection.commit()
                made[0] += 1
                time.sleep(_PAUSE_S)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        stopping.set()
        thread.join()


def transactions(gtids: str) -> int:
    return GtidSet.parse(gtids).count()


def applied(target: Any, migration_id: str, schema: str) -> tuple[int, int, int]:
    """(transactions in the position, smallest counter, largest counter), in one snapshot."""
    target.rollback()
    with target.cursor() as cursor:
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        cursor.execute(
            f"SELECT position FROM tranship.streams WHERE migration_id = '{migration_id}'"
        )
        position = transactions(cursor.fetchone()[0])
        cursor.execute(f"SELECT MIN(n), MAX(n) FROM {schema}.counters")
        low, high = cursor.fetchone()
    return position, low, high


def kill_again_and_again(
    pools: Pools, connect: Connect, schema: str, stack: Stack, times: int
) -> None:
    chance = random.Random(times)
    source, target = connect(SOURCE), connect(TARGET)
    with source.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {schema}.counters (id INT PRIMARY KEY, n INT NOT NULL)")
        cursor.execute(
            f"INSERT INTO {schema}.counters WITH RECURSIVE i AS (SELECT 1 AS id UNION ALL"
            f" SELECT id + 1 FROM i WHERE id < {COUNTERS}) SELECT id, 0 FROM i"
        )
        source.commit()
        cursor.execute("SELECT @@GLOBAL.gtid_executed")
        start = transactions(cursor.fetchone()[0])
    stack.start()
    migration_id = begin_move(pools, schema, ["counters"], postponed=True)
    wait_for(pools, migration_id, Stage.READY, logs=stack.logs)
    with counting(source, schema) as made:
        seen = start
        for number in range(times):
            wait_until(
                lambda seen=seen: goes_on(stack, applied(target, migration_id, schema)[0], seen),
                f"the stream does not go on after kill {number}\n{stack.logs()}",
            )
            time.sleep(chance.uniform(0, 0.3))
            stack.kill("stream")
            seen, low, high = applied(target, migration_id, schema)
            assert (low, high) == (seen - start, seen - start), f"kill {number}"
            stack.start("stream", pause=_sometimes_from_inside(number))
    stack.kill("stream")
    stack.start("stream")
    control.cut_over(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=stack.logs)
    _, low, high = applied(target, migration_id, schema)
    assert low == high == made[0]
    print(f"{times} kills, {made[0]} transactions of {COUNTERS} rows")


def goes_on(stack: Stack, position: int, seen: int) -> bool:
    """Whether it has got further; a streamer that has killed itself is started again."""
    if stack.processes["stream"].poll() is not None:
        stack.start("stream")
    return position > seen + 20


def _sometimes_from_inside(number: int) -> dict[str, Any]:
    """Every other streamer also dies by itself at the points where it hurts."""
    if number % 2:
        return {}
    return {
        "seed": number,
        "stream.flushed": {"kill": 0.05},
        "stream.before-commit": {"kill": 0.05},
        "stream.committed": {"kill": 0.05},
    }


def test_position_and_rows_agree_after_every_kill(
    pools: Pools, connect: Connect, schema: str, stack: Stack
) -> None:
    kill_again_and_again(pools, connect, schema, stack, SHORT)


@pytest.mark.long
def test_position_and_rows_agree_after_fifty_kills(
    pools: Pools, connect: Connect, schema: str, stack: Stack
) -> None:
    kill_again_and_again(pools, connect, schema, stack, LONG)


def test_a_paused_streamer_that_wakes_up_commits_nothing(
    pools: Pools, connect: Connect, schema: str, stack: Stack, tmp_path: Any
) -> None:
    """SIGSTOP beyond the lease; another takes over; SIGCONT: the epoch shuts it out (I2)."""
    source, target = connect(SOURCE), connect(TARGET)
    with source.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {schema}.counters (id INT PRIMARY KEY, n INT NOT NULL)")
        cursor.execute(f"INSERT INTO {schema}.counters VALUES (1, 0)")
    source.commit()
    stack.start("copy", "coordinate")
    stack.start("stream")
    migration_id = begin_move(pools, schema, ["counters"], postponed=True)
    wait_for(pools, migration_id, Stage.READY, logs=stack.logs)
    stack.send("stream", signal.SIGSTOP)
    paused = stack.processes.pop("stream")
    try:
        with source.cursor() as cursor:
            for _ in range(10):
                cursor.execute(f"UPDATE {schema}.counters SET n = n + 1")
                source.commit()
        stack.start("stream")
        wait_until(lambda: applied(target, migration_id, schema)[1] == 10, f"stuck\n{stack.logs()}")
    finally:
        paused.send_signal(signal.SIGCONT)
        stack.processes["paused"] = paused
    with source.cursor() as cursor:
        for _ in range(10):
            cursor.execute(f"UPDATE {schema}.counters SET n = n + 1")
            source.commit()
    wait_until(lambda: applied(target, migration_id, schema)[1] == 20, f"stuck\n{stack.logs()}")
    control.cut_over(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=stack.logs)
    assert applied(target, migration_id, schema)[1:] == (20, 20)
