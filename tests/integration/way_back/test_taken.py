"""A roll-back gives the old tables their names, with all that was written to the new ones."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pymysql
import pytest

from pipeline.commands import control
from pipeline.commands.way_back import roll_back
from pipeline.domain.stages import Stage
from pipeline.domain.way_back import way_back_id
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point, at
from tests.conftest import Connect
from tests.support.coordinators import Coordinators, hurried, streaming
from tests.support.cut_overs import COUNTER, TABLES
from tests.support.moves import SOURCE, TARGET, begin_move
from tests.support.way_backs import RETIRED, Round, ready_round

BEFORE_NAMES = (Point.INTENT_WRITTEN, Point.RENAMED, Point.DRAINING, Point.VERIFYING)
AFTERWARDS = (
    Point.NAMES_GIVEN,
    Point.BEFORE_SUCCESS_HOOK,
    Point.DURING_SUCCESS_HOOK,
    Point.AFTER_SUCCESS_HOOK,
    Point.WAY_BACK_RECORDED,
)


def written(*numbers: int) -> list[list[tuple[object, ...]]]:
    return [[(1, "w"), (3, "y"), *((number, "w") for number in numbers)]] * 2


def test_back_and_forward_again_nothing_is_lost(there: Round) -> None:
    way = there.go()
    there.write(TARGET, 9)
    there.take(way)
    assert there.tables(SOURCE) == list(TABLES)
    assert there.tables(TARGET) == list(RETIRED)
    assert there.hooks.writes_to == SOURCE
    assert there.rows(SOURCE) == written(9)
    again = there.followed(there.way_forward)
    there.write(SOURCE, 10)
    there.take(again)
    assert there.tables(TARGET) == list(TABLES)
    assert there.rows(TARGET) == written(9, 10)
    assert there.hooks.writes_to == TARGET
    told = there.hooks.told("direction").split()
    assert told == ["forward", "forward", "back", "back", "forward", "forward"]


def test_a_roll_back_that_is_refused_changes_nothing(there: Round) -> None:
    way = there.go()
    with there.pools.begin(SOURCE) as old:
        run(old, f"UPDATE tranship.migrations SET stage = 'failed' WHERE id = '{way.migration_id}'")
    with pytest.raises(RefusedError, match="nothing to cut over"):
        roll_back(there.pools, TARGET, there.forward.id, "test", "00:00-00:01 UTC")
    assert there.read(way).request.cut_over_window is None


@pytest.mark.long
@pytest.mark.parametrize("point", BEFORE_NAMES + AFTERWARDS)
def test_a_coordinator_killed_anywhere_is_followed_by_one_that_ends_it(
    there: Round, point: Point
) -> None:
    way = there.go()
    there.write(TARGET, 9)
    there.ask(way)
    way.killed_at(point)
    way.until(Stage.DONE)
    assert there.rows(SOURCE) == written(9)
    assert there.tables(TARGET) == list(RETIRED)
    again = there.followed(there.way_forward)
    there.write(SOURCE, 10)
    there.take(again)
    assert there.rows(TARGET) == written(9, 10)


@pytest.mark.long
@pytest.mark.parametrize("point", BEFORE_NAMES)
def test_an_abort_leaves_the_new_tables_where_they_are(there: Round, point: Point) -> None:
    way = there.go()
    there.ask(way)
    way.killed_at(point)
    control.abort(there.pools, SOURCE, way.migration_id, "test")
    way.until(Stage.ABORTED)
    assert there.tables(TARGET) == list(TABLES)
    assert there.tables(SOURCE) == list(RETIRED)
    there.write(TARGET, 9)


def test_a_kill_after_the_names_were_given_is_past_the_point_of_no_return(there: Round) -> None:
    way = there.go()
    there.ask(way)
    way.killed_at(Point.NAMES_GIVEN)
    assert way.stage is Stage.SWAPPING
    with pytest.raises(RefusedError, match="swapping"):
        control.abort(there.pools, SOURCE, way.migration_id, "test")
    way.until(Stage.DONE)
    assert there.tables(SOURCE) == list(TABLES)


@pytest.mark.long
def test_old_tables_that_somebody_holds_give_the_new_ones_their_names_back(
    pools: Pools, schema: str, tmp_path: Path
) -> None:
    with ready_round(pools, schema, tmp_path, limit_s=2) as there:
        way = there.go()
        there.ask(way)
        with pools.engine(SOURCE).connect() as reader:
            run(reader, f"SELECT * FROM {schema}._one_del")
            way.until_true(lambda: "did not get their names" in there.story(way))
            way.until(Stage.READY)
            assert there.tables(TARGET) == list(TABLES)
            there.write(TARGET, 9)
        way.until(Stage.DONE)
        assert there.rows(SOURCE) == written(9)


def test_a_name_that_is_taken_in_the_last_moment_gives_the_new_tables_theirs_back(
    there: Round,
) -> None:
    way = there.go()
    there.ask(way)

    def take() -> None:
        with there.pools.begin(SOURCE) as source:
            run(source, f"CREATE TABLE IF NOT EXISTS {there.forward.schema}.two (id INT)")

    with at(Point.VERIFYING, take):
        way.until(Stage.FAILED)
    assert there.tables(TARGET) == list(TABLES)
    there.write(TARGET, 9)


def test_a_roll_back_waits_for_the_window_that_it_was_given(there: Round) -> None:
    way = there.go()
    later = there.read(way).now + timedelta(hours=2)
    window = f"{later:%H:%M}-{later + timedelta(hours=1):%H:%M}"
    roll_back(there.pools, SOURCE, way.migration_id, "test", window)
    found = there.read(way)
    assert not found.postponed
    assert not found.in_window
    way.once()
    assert there.tables(TARGET) == list(TABLES)


def test_triggers_come_back_and_do_not_fire_for_what_is_replayed(
    pools: Pools, schema: str, tmp_path: Path
) -> None:
    with ready_round(pools, schema, tmp_path, trigger="CONCAT(NEW.v, '!')") as there:
        way = there.go()
        with pools.begin(TARGET) as target:
            run(target, f"INSERT INTO {schema}.one (v) VALUES ('n')")
        there.take(way)
        assert there.rows(SOURCE)[0][-1] == (COUNTER, "n!")
        with pools.begin(SOURCE) as source:
            run(source, f"INSERT INTO {schema}.one (v) VALUES ('o')")
        assert there.rows(SOURCE)[0][-1] == (COUNTER + 1, "o!")


def test_an_id_that_the_new_table_gave_out_is_not_given_out_again(there: Round) -> None:
    way = there.go()
    schema = there.forward.schema
    with there.pools.begin(TARGET) as target:
        run(target, f"INSERT INTO {schema}.one VALUES (50, 'gone')")
        run(target, f"DELETE FROM {schema}.one WHERE id = 50")
    there.take(way)
    with there.pools.begin(SOURCE) as source:
        run(source, f"INSERT INTO {schema}.one (v) VALUES ('next')")
    assert there.rows(SOURCE)[0][-1] == (51, "next")


def test_tables_that_refer_to_each_other_come_back_together(
    pools: Pools, schema: str, connect: Connect
) -> None:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.zero (id INT PRIMARY KEY)")
        run(source, f"CREATE TABLE {schema}.child (id INT PRIMARY KEY, zero INT NOT NULL,"
                    f" FOREIGN KEY (zero) REFERENCES {schema}.zero (id))")  # fmt: skip
    migration_id = begin_move(pools, schema, ["zero", "child"], way_back_s=60)
    with hurried(pools) as quick, streaming(quick, migration_id):
        Coordinators(quick, migration_id).until(Stage.DONE)
        with pools.begin(TARGET) as target:
            run(target, f"INSERT INTO {schema}.zero VALUES (1)")
            run(target, f"INSERT INTO {schema}.child VALUES (1, 1)")
        way = Coordinators(quick, way_back_id(migration_id), SOURCE)
        roll_back(pools, SOURCE, way.migration_id, "test")
        with streaming(quick, way.migration_id, SOURCE):
            way.until(Stage.DONE)
    with pools.begin(SOURCE) as source:
        assert run(source, f"SELECT * FROM {schema}.child").rows == ((1, 1),)
    with connect(SOURCE).cursor() as cursor, pytest.raises(pymysql.err.IntegrityError):
        cursor.execute(f"INSERT INTO {schema}.child VALUES (2, 2)")
