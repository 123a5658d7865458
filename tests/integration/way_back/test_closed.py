"""A way back that is not taken ends, and nothing of it stays behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.commands import control
from pipeline.commands.clean_up import clean_up
from pipeline.commands.settings import change
from pipeline.commands.way_back import roll_back
from pipeline.control.leases import take_lease
from pipeline.control.migrations import change_request, transition
from pipeline.domain.request import move_request
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError, RetryableError
from pipeline.mysql.pools import run
from pipeline.pausepoints import Point, at
from pipeline.status.progress import read_progress
from tests.support.coordinators import Coordinators
from tests.support.cut_overs import TABLES
from tests.support.moves import SOURCE, TARGET
from tests.support.once import once
from tests.support.selection import some
from tests.support.way_backs import Round


def end_its_time(there: Round, way: Coordinators) -> None:
    found = there.read(way)
    request = move_request(found.request)
    assert request.back is not None
    ended = replace(request.back, until=found.now - timedelta(seconds=1))
    with there.pools.begin(way.target) as control_schema:
        change_request(control_schema, way.migration_id, replace(request, back=ended))


def test_nobody_takes_it_in_time(there: Round) -> None:
    way = there.go()
    change(there.pools, SOURCE, way.migration_id, "way_back", "2d", "test")
    back = there.read(way).request.back
    assert back is not None
    assert back.until - there.read(way).now > timedelta(days=1)
    end_its_time(there, way)
    way.until(Stage.ABORTED)
    assert there.tables(TARGET) == list(TABLES)
    with pytest.raises(RefusedError, match="was closed"):
        roll_back(there.pools, TARGET, there.forward.id, "test")


def test_its_time_is_not_said_to_be_changed_where_that_has_no_effect(there: Round) -> None:
    said: list[str] = []

    def set_it(target: str, migration_id: str) -> None:
        try:
            change(there.pools, target, migration_id, "way_back", "2d", "test")
        except RefusedError as error:
            said.append(error.explanation)

    with at(Point.WAY_BACK_RECORDED, once(lambda: set_it(TARGET, there.forward.id))):
        way = there.go()
    there.ask(way)
    set_it(SOURCE, way.migration_id)
    assert said == [
        f"Migration {there.forward.id} is switching; it is too late to set way_back.",
        "The roll-back was asked for: it no longer ends with its time.",
    ]


def test_one_that_was_asked_for_in_time_is_taken(there: Round) -> None:
    way = there.go()
    there.ask(way)
    end_its_time(there, way)
    way.until(Stage.DONE)
    assert there.tables(SOURCE) == list(TABLES)


def test_one_that_its_hook_has_refused_waits_for_a_person(there: Round) -> None:
    """Somebody has asked for it, and must not lose it while the hook's cause is being fixed."""
    way = there.go()
    there.hooks.fail("before-cut-over")
    there.ask(way)
    way.until_true(lambda: there.read(way).postponed)
    assert "for a roll-back" not in read_progress(there.pools, way.target, way.migration_id).next
    end_its_time(there, way)
    way.once()
    assert there.read(way).stage is Stage.READY


def test_one_that_is_asked_for_while_it_closes_stays_open(there: Round) -> None:
    """Whoever was told yes would find it closed."""
    way = there.go()
    there.ask(way)
    with there.pools.begin(SOURCE) as control_schema:
        lease = take_lease(control_schema, way.migration_id, Role.COORDINATE, "late", 30)
    assert lease is not None
    with (
        pytest.raises(RetryableError, match="asked for meanwhile"),
        there.pools.begin(SOURCE) as control_schema,
    ):
        transition(control_schema, lease, Stage.READY, Stage.RESTORING, "its time is over")


def test_one_that_is_asked_for_and_postponed_waits_for_a_cut_over_however_late(
    there: Round,
) -> None:
    way = there.go()
    roll_back(there.pools, TARGET, there.forward.id, "test", postponed=True)
    end_its_time(there, way)
    way.once()
    assert there.read(way).stage is Stage.READY
    assert read_progress(there.pools, SOURCE, way.migration_id).command.startswith("tranship cut")
    with pytest.raises(RefusedError, match="is being rolled back") as refused:
        clean_up(there.pools, TARGET, there.forward.id, "test")
    assert f"tranship abort {way.migration_id}" in refused.value.remedy
    there.write(TARGET, 9)
    control.cut_over(there.pools, SOURCE, way.migration_id, "test")
    way.until(Stage.DONE)
    assert there.rows(SOURCE) == [[(1, "w"), (3, "y"), (9, "w")]] * 2


def test_a_clean_up_of_the_move_ends_it(there: Round) -> None:
    way = there.go()
    assert len(there.key_tables(way)) == 6
    clean_up(there.pools, TARGET, there.forward.id, "test")
    assert there.read(way).stage is Stage.ABORTED
    assert there.tables(SOURCE) == []
    assert there.key_tables(way) == []
    there.write(TARGET, 9)


@pytest.mark.parametrize("move_first", some([True, False], True))
def test_after_a_roll_back_each_cleans_up_its_own(there: Round, move_first: bool) -> None:
    way = there.go()
    there.take(way)
    first, second = (
        (TARGET, there.forward.id),
        (SOURCE, way.migration_id),
    )[:: 1 if move_first else -1]
    clean_up(there.pools, *first, "test")
    clean_up(there.pools, *second, "test")
    assert there.tables(SOURCE) == list(TABLES)
    assert there.tables(TARGET) == []
    for one in (there.forward.coordinators, way, there.way_forward):
        assert there.key_tables(one) == []


def test_an_aborted_move_leaves_nothing_of_it(there: Round) -> None:
    there.forward.allow()
    there.forward.hooks.fail("before-cut-over")
    there.forward.coordinators.until_true(lambda: there.hooks.attempts("before-cut-over") != [])
    control.abort(there.pools, TARGET, there.forward.id, "test")
    there.forward.coordinators.until(Stage.ABORTED)
    clean_up(there.pools, TARGET, there.forward.id, "test")
    assert there.read_tables(there.way_back) == []


def test_a_change_of_the_new_table_ends_it_by_name_and_the_application_goes_on(
    there: Round,
) -> None:
    way = there.go()
    with there.pools.begin(TARGET) as target:
        run(target, f"ALTER TABLE {there.forward.schema}.one ADD COLUMN c INT")
    way.until(Stage.FAILED)
    failure = there.read(way).failure
    assert failure is not None
    assert "ALTER TABLE" in failure.explanation
    with there.pools.begin(TARGET) as target:
        run(target, f"INSERT INTO {there.forward.schema}.one VALUES (9, 'z', 1)")
    clean_up(there.pools, TARGET, there.forward.id, "test")
    assert there.tables(SOURCE) == []


def test_an_old_table_that_was_truncated_does_not_get_its_name_again(there: Round) -> None:
    way = there.go()
    with there.pools.begin(SOURCE) as source:
        run(source, f"TRUNCATE TABLE {there.forward.schema}._one_del")
    there.ask(way)
    way.until(Stage.FAILED)
    assert "not the table that was retired" in there.story(way)
    assert there.tables(TARGET) == list(TABLES)


def test_who_has_asked_for_a_roll_back_is_not_overruled_by_a_clean_up(there: Round) -> None:
    way = there.go()
    there.ask(way)
    with pytest.raises(RefusedError, match="is being rolled back"):
        clean_up(there.pools, TARGET, there.forward.id, "test")
    way.until(Stage.DONE)
