"""The swap: the table is never missing, nobody waits for long, and blockers are named."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pymysql
import pytest

from pipeline.commands.clean_up import clean_up
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.alters import SERVER, Bookkeeper, begin_alter, leftovers, make_table
from tests.support.moves import read, scalar, story, wait_for, wait_until
from tests.support.primary import own_primary
from tests.support.stack import Stack

_PAUSE_S = 0.001  # or two that read all the time have a core each for themselves


class Probe:
    """Reads one row again and again. A moment without the table would be an error."""

    def __init__(self, connection: pymysql.Connection[Any], table: str) -> None:
        self.reads, self.longest_s = 0, 0.0
        self.errors: list[Exception] = []
        self._connection, self._table = connection, table
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Probe:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        self._connection.autocommit(True)
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                with self._connection.cursor() as cursor:
                    cursor.execute(f"SELECT n FROM {self._table} WHERE id = 1")
                    assert cursor.fetchone() == (1,)
            except Exception as error:
                self.errors.append(error)
                return
            self.reads += 1
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            time.sleep(_PAUSE_S)


@pytest.mark.parametrize("times", [2, pytest.param(50, marks=pytest.mark.long)])
def test_the_table_is_never_missing_on_the_primary_nor_on_a_replica(
    tmp_path: Path, times: int
) -> None:
    with own_primary(tmp_path, with_replica=True) as primary:
        assert primary.replica is not None
        truth = make_table(primary.connect(), "s", "t", 500)
        wait_until(lambda: _has_table(primary.connect(primary.replica)), "no replication")
        # Writers have ids of their own: none of them writes to the row that is read.
        del truth[1]
        writers = Bookkeeper(primary.connect, "s.t", 500, seed=2, truth=truth, pause_s=0.03)
        writers.first = 2
        writers.start()
        primary.stack.start()
        here, there = (primary.connect(server) for server in (primary.server, primary.replica))
        with Probe(here, "s.t") as one, Probe(there, "s.t") as other:
            for number in range(times):
                migration_id = begin_alter(primary.pools, "s", "t", f"COMMENT = '{number}'")
                wait_for(primary.pools, migration_id, Stage.DONE, logs=primary.stack.logs)
                clean_up(primary.pools, SERVER, migration_id, "test")
        writers.stop()
        truth[1] = {"w1"}
        assert writers.broken_promises(primary.connect()) == []
        for probe in (one, other):
            assert probe.errors == []
            assert probe.reads > 100 * times
            print(f"{probe.reads:,} reads, the longest {probe.longest_s:.2f} s")
        _same_on_both(primary.connect(), primary.connect(primary.replica))


def _has_table(connection: pymysql.Connection[Any]) -> bool:
    try:
        return bool(scalar(connection, "SELECT COUNT(*) FROM s.t WHERE id = 1"))
    except pymysql.err.MySQLError:
        return False


def _same_on_both(here: pymysql.Connection[Any], there: pymysql.Connection[Any]) -> None:
    done = scalar(here, "SELECT @@GLOBAL.gtid_executed")
    behind = scalar(there, f"SELECT WAIT_FOR_EXECUTED_GTID_SET('{done}', 30)")
    applier = "performance_schema.replication_applier_status_by_worker"
    assert behind == 0, scalar(there, f"SELECT GROUP_CONCAT(last_error_message) FROM {applier}")
    sums = []
    for connection in (here, there):
        with connection.cursor() as cursor:
            cursor.execute("CHECKSUM TABLE s.t")
            sums.append(cursor.fetchone())
    assert sums[0] == sums[1]


@pytest.mark.long  # short: integration/cutover/test_alter_locks
def test_a_blocker_is_named_and_waited_for_only_briefly(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    make_table(connect(SERVER), schema, "t", 100)
    blocker = connect(SERVER)
    with blocker.cursor() as cursor:
        cursor.execute(f"UPDATE {schema}.t SET n = 77 WHERE id = 5")  # not committed
    migration_id = begin_alter(pools, schema, "t", "ADD COLUMN c INT", lock_timeout_s=1.0)
    wait_until(lambda: read(pools, migration_id).attempt >= 2, story(pools, migration_id))
    said = story(pools, migration_id)
    assert f"could not be locked within 1 s; held by connection {blocker.thread_id()}" in said
    assert f"UPDATE {schema}.t SET n = 77" in said
    other = connect(SERVER)
    with other.cursor() as cursor:
        cursor.execute("SET SESSION lock_wait_timeout = 10")
        cursor.execute(f"INSERT INTO {schema}.t (v) VALUES ('in between')")
    other.commit()
    blocker.commit()
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    link = connect(SERVER)
    assert scalar(link, f"SELECT n FROM {schema}.t WHERE id = 5") == 77
    assert scalar(link, f"SELECT COUNT(*) FROM {schema}.t WHERE v = 'in between'") == 1


@pytest.mark.long  # the same
def test_a_blocker_is_killed_only_if_that_was_asked_for(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    make_table(connect(SERVER), schema, "t", 100)
    blocker = connect(SERVER)
    with blocker.cursor() as cursor:
        cursor.execute(f"UPDATE {schema}.t SET n = 77 WHERE id = 5")
    migration_id = begin_alter(
        pools, schema, "t", "ADD COLUMN c INT", lock_timeout_s=1.0, force_after_s=4.0
    )
    migration = wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    assert migration.attempt > 1
    assert f"force: killed: connection {blocker.thread_id()}" in story(pools, migration_id)
    with pytest.raises(pymysql.err.MySQLError):
        blocker.commit()
    assert scalar(connect(SERVER), f"SELECT n FROM {schema}.t WHERE id = 5") == 5


def test_every_step_is_in_the_event_log(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    make_table(connect(SERVER), schema, "t", 100)
    migration_id = begin_alter(pools, schema, "t", "ADD COLUMN c INT")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    said = story(pools, migration_id)
    steps = [
        "created: alter", "preparing → copying", "copying → converging", "converging → ready",
        "ready → blocking: attempt 1: lock, then RENAME TABLE",
        "blocking → draining: the table is locked", "draining → verifying",
        "verifying → swapping", "swapping → switching", "writes had to wait for ",
        "switching → done: the table is rebuilt",
    ]  # fmt: skip
    places = [said.find(step) for step in steps]
    assert -1 not in places, said
    assert places == sorted(places)


def test_ddl_on_the_table_stops_the_alter_by_name(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    make_table(connect(SERVER), schema, "t", 100)
    migration_id = begin_alter(pools, schema, "t", "ADD COLUMN c INT", postponed=True)
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    with connect(SERVER).cursor() as cursor:
        cursor.execute(f"ALTER TABLE {schema}.t ADD COLUMN other INT")
    migration = wait_for(pools, migration_id, Stage.FAILED, logs=shared_stack.logs)
    assert migration.failure is not None
    assert f"ALTER TABLE on {schema}.t" in migration.failure.explanation


def test_a_clean_up_drops_a_large_old_table_gently(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    make_table(connect(SERVER), schema, "t", 12_000)
    migration_id = begin_alter(pools, schema, "t", "ADD COLUMN c INT", chunk_rows=3000)
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    told: list[int] = []
    clean_up(pools, SERVER, migration_id, "test", gently=told.append)
    assert told == [5000, 10_000, 12_000]
    assert leftovers(pools, schema) == ["t"]
    assert scalar(connect(SERVER), f"SELECT COUNT(*) FROM {schema}.t") == 12_000
