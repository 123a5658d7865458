"""A copy takes what others leave: while they use the source, each worker pauses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import pymysql
import pytest

from pipeline.mysql.others import others_run
from pipeline.mysql.pools import Pools, run
from pipeline.work import run as work
from pipeline.work.copy import COPY
from pipeline.work.job import Job, JobResult
from tests.conftest import Connect
from tests.support.direct import DirectMove
from tests.support.moves import SOURCE, TARGET, wait_until

BUSY = "SELECT BENCHMARK(1000000000, SHA2('x', 512))"  # for minutes, if nobody ends it
Running = Callable[[str], AbstractContextManager[None]]


@contextmanager
def running_on(pools: Pools, session: pymysql.Connection, statement: str) -> Iterator[None]:  # type: ignore[type-arg]
    """While `session` runs a statement, which is ended afterwards, and the session with it."""

    def execute() -> None:
        with suppress(pymysql.err.MySQLError), session.cursor() as cursor:
            cursor.execute(statement)

    def runs() -> bool:
        with pools.begin(SOURCE) as source:
            where = f"WHERE id = {number} AND command = 'Query'"
            return bool(run(source, f"SELECT 1 FROM information_schema.processlist {where}").rows)

    number, thread = session.thread_id(), threading.Thread(target=execute, daemon=True)
    thread.start()
    try:
        wait_until(runs, "its statement")
        yield
    finally:
        with pools.begin(SOURCE) as source:
            run(source, f"KILL {number}")
        thread.join(10)


@pytest.fixture
def another_runs(pools: Pools, schema: str) -> Iterator[Running]:
    """Have another user run a statement."""
    name, server = f"other_{schema}"[:32], pools.settings.servers[SOURCE]
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE USER {name}")
    session = pymysql.connect(host=server.host, port=server.port, user=name)
    yield lambda statement: running_on(pools, session, statement)
    with pools.begin(SOURCE) as source:
        run(source, f"DROP USER {name}")


def is_used(pools: Pools) -> bool:
    with pools.begin(SOURCE) as source:
        return others_run(source)


def test_our_own_statements_do_not_slow_each_other_down(pools: Pools, connect: Connect) -> None:
    with running_on(pools, connect(SOURCE), BUSY):
        assert not is_used(pools)


@pytest.mark.parametrize("asleep", ["SELECT SLEEP(600)", "SELECT GET_LOCK('held', 600)"])
def test_whoever_sleeps_in_a_statement_does_not_slow_a_copy_down(
    pools: Pools, connect: Connect, another_runs: Running, asleep: str
) -> None:
    """It may do so for days, as a job that waits for its turn does."""
    connect(SOURCE).query("SELECT GET_LOCK('held', 0)")
    with another_runs(asleep):
        assert not is_used(pools)


def test_workers_pause_as_long_as_others_use_the_source(
    pools: Pools, schema: str, another_runs: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
        run(source, f"INSERT INTO {schema}.t VALUES (1), (2), (3), (4)")
    throttle = pools.settings.throttle.model_copy(update={"check_s": 1e-6})
    eager = Pools(pools.settings.model_copy(update={"throttle": throttle}))
    move = DirectMove.of(eager, schema, "t", chunk_rows=1)
    pauses: list[float] = []
    monkeypatch.setattr(work.time, "sleep", pauses.append)

    def pause_after(number: int) -> float:
        move.advance()
        job = Job(
            target=TARGET, migration_id=move.migration_id, table_id=move.table.id, number=number
        )
        assert work.run_job(eager, COPY, job, "test", lambda *_: None) is JobResult.CHANGED
        return pauses[-1]

    assert pause_after(0) == 0
    with another_runs(BUSY):
        assert is_used(pools)
        assert pause_after(1) > 0
    assert pause_after(2) == 0
    eager.close()
