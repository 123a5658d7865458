"""What is written to the old table between an alter's proof and its swap, and its way back.

The old table has these rows, so the way back neither applies them nor takes them for others, and
the proof of a roll-back covers them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.commands.resume import resume
from pipeline.control.chunk_checks import unverified_chunks
from pipeline.control.migration_tables import read_tables
from pipeline.cutover.alter_locks import Swap
from pipeline.domain.stages import Stage
from pipeline.errors import RetryableError
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point, at
from tests.support.alter_backs import OLD, AlterRound, alter_round
from tests.support.alters import SERVER, skip_on_mariadb
from tests.support.coordinators import Coordinators
from tests.support.moves import read_alarms
from tests.support.once import once
from tests.support.preflight import do


@pytest.fixture
def slipping(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have the connection that holds the lock write between the proof and the swap."""

    def slip(statement: str) -> None:
        let_through = Swap.let_through

        def write_and_let_through(swap: Swap) -> None:
            monkeypatch.setattr(Swap, "let_through", let_through)  # that of the roll-back
            run(swap.lock, statement)
            let_through(swap)

        monkeypatch.setattr(Swap, "let_through", write_and_let_through)

    return slip


def lose_the_connection() -> None:
    raise RetryableError("The connection is lost.")


def is_verified_again(there: AlterRound, way: Coordinators) -> bool:
    with there.pools.begin(SERVER) as control:
        (table,) = read_tables(control, way.migration_id)
        left = unverified_chunks(control, table, 1)
    return not left and "all is verified again" in there.story(way)


def test_what_is_carried_over_is_followed_also_after_the_stream_has_begun_anew(
    pools: Pools, schema: str, tmp_path: Path, slipping: Callable[[str], None]
) -> None:
    skip_on_mariadb(pools)
    do(
        pools, SERVER, f"CREATE DATABASE {schema}",
        f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, n SMALLINT NOT NULL)",
        f"INSERT INTO {schema}.t VALUES (1, 10), (2, 20), (3, 30), (4, 40)",
    )  # fmt: skip
    change = "ADD COLUMN c INT NOT NULL DEFAULT 7 FIRST"
    with alter_round(pools, schema, tmp_path, change) as there:
        slipping(f"UPDATE {schema}.t SET n = n + 1, id = IF(id = 2, 9, id) WHERE id < 4")
        there.allow()
        with at(Point.SWAPPED, once(lambda: there.run("UPDATE {t} SET n = 99 WHERE id = 3"))):
            there.forward.until(Stage.DONE)
        there.run("INSERT INTO {t} (id, n) VALUES (5, 50)")
        with at(Point.STREAM_BEFORE_COMMIT, once(lose_the_connection)):
            there.take(there.followed(there.way_back))
        assert "all is verified again" in there.story(there.way_back)
        rows = [(1, 11), (3, 99), (4, 40), (5, 50), (9, 21)]
        assert there.run("SELECT id, n FROM {t} ORDER BY id") == rows


def test_the_way_back_is_not_verified_before_what_is_carried_over_is_there(
    pools: Pools, schema: str, tmp_path: Path, slipping: Callable[[str], None]
) -> None:
    """It would have stopped, with no difference left for a person to find."""
    skip_on_mariadb(pools)
    do(
        pools, SERVER, f"CREATE DATABASE {schema}",
        f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, n INT NOT NULL)",
        f"INSERT INTO {schema}.t VALUES (1, 10), (2, 20)",
    )  # fmt: skip
    with alter_round(pools, schema, tmp_path, "ADD COLUMN c INT NOT NULL DEFAULT 7") as there:
        slipping(f"UPDATE {schema}.t SET n = 11 WHERE id = 1")
        way = there.way_back

        def verify() -> None:
            there.followed(way)
            way.until_true(lambda: is_verified_again(there, way) or way.stage is Stage.FAILED)

        there.allow()
        with at(Point.WAY_BACK_RECORDED, once(verify)):
            there.forward.until(Stage.DONE)
        assert way.stage is Stage.READY, there.story(way)
        there.take(way)
        assert there.run("SELECT id, n FROM {t} ORDER BY id") == [(1, 11), (2, 20)]


def test_what_is_carried_over_before_a_crash_is_not_carried_over_once_more(
    pools: Pools, schema: str, tmp_path: Path, slipping: Callable[[str], None]
) -> None:
    """Then a row that has got another key would not be known any more: its note was lost."""
    skip_on_mariadb(pools)
    do(
        pools, SERVER, f"CREATE DATABASE {schema}",
        f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, n INT, note VARCHAR(9) DEFAULT 'none')",
        f"INSERT INTO {schema}.t VALUES (1, 10, 'first'), (2, 20, 'second')",
    )  # fmt: skip
    with alter_round(pools, schema, tmp_path, "DROP COLUMN note") as there:
        way = there.go()
        slipping(f"UPDATE {schema}.t SET n = n + 1, id = IF(id = 2, 9, id)")
        there.ask(way)
        way.killed_at(Point.WAY_BACK_RECORDED)
        way.until(Stage.DONE)
        assert there.run("SELECT * FROM {t}") == [(1, 11, "first"), (9, 21, "second")]
        said = read_alarms(pools, way.migration_id)
        assert said.endswith("at the keys 1; 2; 9; carried over: 1; 2; 9.")
        assert said.count("written between the proof and the swap") == 1


def test_what_is_left_to_a_person_stops_the_way_back_and_stays_in_the_old_table(
    there: AlterRound, slipping: Callable[[str], None]
) -> None:
    """Carried over, it would come to the old table as a new row, without what was dropped."""
    there.run("DROP TRIGGER {s}.noted")  # for its sake, too, nothing would be carried over
    slipping(f"UPDATE {there.schema}.t SET v = 'late', note = 'late' WHERE id = 1")
    way = there.go()
    said = read_alarms(there.pools, there.forward.migration_id)
    assert f"for a person to compare with {there.schema}.{OLD}: 1." in said
    way.until(Stage.FAILED)
    failure = there.read(way).failure
    assert failure is not None
    assert "at the keys 1" in failure.explanation
    there.run("UPDATE {t} SET label = 'late' WHERE id = 1")
    resume(way.pools, SERVER, way.migration_id, "test")
    there.take(way)
    assert there.old_rows[0] == (1, "late", 1, "late", 10)
