"""A roll-back gives the old table its name, with all that was written to the changed one."""

from __future__ import annotations

import pytest

from pipeline.commands import control
from pipeline.commands.clean_up import clean_up
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError
from pipeline.pausepoints import Point
from tests.support.alter_backs import NEW, OLD, AlterRound
from tests.support.alters import SERVER
from tests.support.selection import some

ABORTABLE = (
    Point.INTENT_WRITTEN,
    Point.LOCKED,
    Point.RENAME_WAITS,
    Point.DRAINING,
    Point.VERIFYING,
)
BEFORE_THE_SWAP = (*ABORTABLE, Point.PROVED, Point.SENTRY_DROPPED)
AFTERWARDS = (
    Point.SWAPPED,
    Point.BEFORE_SUCCESS_HOOK,
    Point.DURING_SUCCESS_HOOK,
    Point.AFTER_SUCCESS_HOOK,
    Point.WAY_BACK_RECORDED,
)


def write(there: AlterRound) -> None:
    """As the application would, to the changed table."""
    there.run("UPDATE {t} SET label = 'w', made = 8 WHERE id = 1")
    there.run("INSERT INTO {t} (id, label, n) VALUES (9, 'new', 9)")


WRITTEN = [
    (1, "w", 1, "first", 10),
    (2, "b", 2, "second", 20),
    (3, "c", 3, "third", 30),
    (9, "new", 9, "none", None),
]


def test_back_and_forward_again_nothing_is_lost(there: AlterRound) -> None:
    way = there.go()
    write(there)
    there.run("DELETE FROM {t} WHERE id = 2")
    there.take(way)
    assert there.tables == ["t", NEW]
    assert there.old_rows == [WRITTEN[0], *WRITTEN[2:]]
    again = there.followed(there.way_forward)
    there.run("UPDATE {t} SET v = 'x' WHERE id = 1")
    there.run("INSERT INTO {t} (id, v, note) VALUES (10, 'y', 'mine')")
    there.take(again)
    assert there.tables == ["t", OLD]
    assert there.new_rows == [
        (1, "x", 1, 8, 10),
        (3, "c", 3, 7, 30),
        (9, "new", 9, 7, None),
        (10, "y", 0, 7, None),
    ]
    told = there.hooks.told("direction").split()
    assert told == ["forward", "forward", "back", "back", "forward", "forward"]


def test_a_row_takes_what_was_dropped_along_to_another_key(there: AlterRound) -> None:
    way = there.go()
    there.run(
        "UPDATE {t} SET id = 99 WHERE id = 1",
        "UPDATE {t} SET id = 1 WHERE id = 2",
        "UPDATE {t} SET id = 2 WHERE id = 99",
    )
    there.run("UPDATE {t} SET id = 33 WHERE id = 3")
    there.take(way)
    assert there.old_rows == [
        (1, "b", 2, "second", 20),
        (2, "a", 1, "first", 10),
        (33, "c", 3, "third", 30),
    ]


def test_a_row_that_was_deleted_leaves_nothing_to_another_of_its_key(there: AlterRound) -> None:
    way = there.go()
    there.run(
        "DELETE FROM {t} WHERE id IN (1, 2)", "INSERT INTO {t} (id, label, n) VALUES (1, 'n', 5)"
    )
    there.take(way)
    assert there.old_rows == [(1, "n", 5, "none", None), (3, "c", 3, "third", 30)]


def test_unique_values_that_rows_exchange_remove_no_row(there: AlterRound) -> None:
    way = there.go()
    there.run(
        "UPDATE {t} SET code = NULL WHERE id = 1",
        "UPDATE {t} SET code = 10 WHERE id = 3",
        "UPDATE {t} SET code = 30 WHERE id = 1",
    )
    there.take(way)
    assert there.old_rows == [
        (1, "a", 1, "first", 30),
        (2, "b", 2, "second", 20),
        (3, "c", 3, "third", 10),
    ]


def test_triggers_come_back_and_do_not_fire_for_what_is_replayed(there: AlterRound) -> None:
    way = there.go()
    fired = there.fired
    there.run("INSERT INTO {t} (label) VALUES ('n')")
    there.take(way)
    assert there.fired == fired + 1
    assert [row[0] for row in there.run("SHOW TRIGGERS FROM {s} LIKE 't'")] == ["noted"]
    there.run("INSERT INTO {t} (v) VALUES ('o')")
    assert there.fired == fired + 2


def test_an_id_that_the_changed_table_gave_out_is_not_given_out_again(there: AlterRound) -> None:
    way = there.go()
    there.run("INSERT INTO {t} (id) VALUES (50)")
    there.run("DELETE FROM {t} WHERE id = 50")
    there.take(way)
    there.run("INSERT INTO {t} (v) VALUES ('next')")
    assert there.old_rows[-1][:2] == (51, "next")


@pytest.mark.parametrize("point", some(BEFORE_THE_SWAP + AFTERWARDS, Point.PROVED))
def test_a_coordinator_killed_anywhere_is_followed_by_one_that_ends_it(
    there: AlterRound, point: Point
) -> None:
    way = there.go()
    write(there)
    there.ask(way)
    way.killed_at(point)
    way.until(Stage.DONE)
    assert there.old_rows == WRITTEN
    assert there.tables == ["t", NEW]
    again = there.followed(there.way_forward)
    there.run("INSERT INTO {t} (id) VALUES (10)")
    there.take(again)
    assert there.new_rows[-1][0] == 10


@pytest.mark.long
@pytest.mark.parametrize("point", ABORTABLE)
def test_an_abort_leaves_the_changed_table_where_it_is(there: AlterRound, point: Point) -> None:
    way = there.go()
    there.ask(way)
    way.killed_at(point)
    control.abort(there.pools, SERVER, way.migration_id, "test")
    way.until(Stage.ABORTED)
    assert there.tables == ["t", OLD]
    write(there)


@pytest.mark.parametrize("alter_first", some([True, False], True))
def test_after_a_roll_back_each_cleans_up_its_own(there: AlterRound, alter_first: bool) -> None:
    way = there.go()
    there.take(way)
    ids = (there.forward.migration_id, way.migration_id)
    for one in ids if alter_first else ids[::-1]:
        clean_up(there.pools, SERVER, one, "test")
    assert there.tables == ["t"]
    assert there.own_tables == []
    assert len(there.old_rows) == 3


def test_a_clean_up_of_the_first_leaves_what_a_later_one_has_retired(there: AlterRound) -> None:
    way = there.go()
    there.take(way)
    there.take(there.followed(there.way_forward))
    with pytest.raises(RefusedError, match="which came later"):
        clean_up(there.pools, SERVER, there.forward.migration_id, "test")
    assert there.tables == ["t", OLD]
