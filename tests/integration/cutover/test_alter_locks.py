"""An alter's locks: who is in the way is named, and a connection that is lost costs an attempt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
import pytest

from pipeline.domain.stages import Stage
from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point, at
from tests.conftest import Connect
from tests.support.alters import SERVER
from tests.support.cut_overs import ReadyAlter, ready_alter
from tests.support.moves import read, story
from tests.support.once import once


@pytest.mark.parametrize(
    ("point", "which"),
    [
        pytest.param(Point.LOCKED, "lock_connection", marks=pytest.mark.long),
        (Point.VERIFYING, "rename_connection"),
        (Point.PROVED, "lock_connection"),
        pytest.param(Point.SENTRY_DROPPED, "rename_connection", marks=pytest.mark.long),
    ],
)
def test_a_connection_that_is_lost_costs_an_attempt_and_no_row(
    alter: ReadyAlter, point: Point, which: str
) -> None:
    def kill() -> None:
        number = getattr(read(alter.pools, alter.id), which)
        with alter.pools.begin(SERVER) as server:
            run(server, f"KILL {number}")

    with at(point, once(kill)):
        alter.ends_done()
    assert read(alter.pools, alter.id).attempt == 2


def test_who_holds_the_table_is_named_and_others_wait_only_shortly(
    pools: Pools, connect: Connect, schema: str, tmp_path: Path
) -> None:
    with ready_alter(pools, schema, tmp_path, lock_timeout_s=1.0) as alter:
        blocker = connect(SERVER)
        with blocker.cursor() as cursor:
            cursor.execute(f"UPDATE {schema}.t SET v = 'x' WHERE id = 2")  # not committed
        alter.allow()
        alter.coordinators.until_true(lambda: read(pools, alter.id).attempt == 2)
        said = story(pools, alter.id)
        held_by = f"held by connection {blocker.thread_id()}"
        assert f"could not be locked within 1 s; {held_by}" in said
        assert f"UPDATE {schema}.t SET v = 'x'" in said
        alter.write(3)
        blocker.rollback()
        alter.ends_done()


def test_who_holds_the_table_is_killed_only_where_that_was_asked_for_and_not_at_first(
    pools: Pools, connect: Connect, schema: str, tmp_path: Path
) -> None:
    options = {"lock_timeout_s": 1.0, "force_after_s": 1.5}
    with ready_alter(pools, schema, tmp_path, **options) as alter:
        blocker = connect(SERVER)
        with blocker.cursor() as cursor:
            cursor.execute(f"UPDATE {schema}.t SET v = 'x' WHERE id = 2")
        alter.allow()
        alter.ends_done()
        assert read(pools, alter.id).attempt > 1
        assert f"force: killed: connection {blocker.thread_id()}" in story(pools, alter.id)
        with pytest.raises(pymysql.err.MySQLError):
            blocker.commit()


def test_who_may_not_be_killed_costs_attempts_and_not_the_alter(
    pools: Pools, connect: Connect, schema: str, tmp_path: Path
) -> None:
    options = {"lock_timeout_s": 1.0, "force_after_s": 0.0}
    with lesser_user(pools) as ours, ready_alter(ours, schema, tmp_path, **options) as alter:
        blocker = connect(SERVER)
        with blocker.cursor() as cursor:
            cursor.execute(f"UPDATE {schema}.t SET v = 'x' WHERE id = 2")
        alter.allow()
        alter.coordinators.until_true(lambda: read(ours, alter.id).attempt == 2)
        assert f"force: not killed: connection {blocker.thread_id()}" in story(ours, alter.id)
        blocker.rollback()
        alter.ends_done()


@contextmanager
def lesser_user(pools: Pools) -> Iterator[Pools]:
    """The same servers for a user that may end no connection of the tests' own user."""
    settings = pools.settings.servers[SERVER]
    with pools.begin(SERVER) as server:
        if is_mariadb(server):
            pytest.skip("MariaDB has no SYSTEM_USER")
        password = settings.password.get_secret_value()
        run(server, f"CREATE USER lesser@'%' IDENTIFIED BY '{password}'")
        run(server, "GRANT ALL ON *.* TO lesser@'%'")
        run(server, "REVOKE SYSTEM_USER ON *.* FROM lesser@'%'")
    lesser = settings.model_copy(update={"user": "lesser"})
    servers = {**pools.settings.servers, SERVER: lesser}
    ours = Pools(pools.settings.model_copy(update={"servers": servers}))
    try:
        yield ours
    finally:
        ours.close()
        with pools.begin(SERVER) as server:
            run(server, "DROP USER lesser@'%'")


def test_no_swap_is_made_while_writes_may_go_before_a_waiting_rename(alter: ReadyAlter) -> None:
    """max_write_lock_count lets them, if it is small: they would come after the proof."""

    def let_writes_go_first() -> None:
        alter.run("SET GLOBAL max_write_lock_count = 1")

    try:
        with at(Point.VERIFYING, once(let_writes_go_first)):
            alter.ends_as_it_began(Stage.FAILED)
        assert "max_write_lock_count is 1 on new" in story(alter.pools, alter.id)
    finally:
        alter.run("SET GLOBAL max_write_lock_count = DEFAULT")
