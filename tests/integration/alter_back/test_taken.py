"""A roll-back gives the old table its name, with all that was written to the changed one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.commands import control
from pipeline.commands.clean_up import clean_up
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools
from pipeline.pausepoints import Point
from tests.support.alter_backs import NEW, OLD, AlterRound, ready_alter_round
from tests.support.alters import SERVER

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
    way, fired = there.go(), there.fired
    write(there)
    there.run("INSERT INTO {t} (id) VALUES (50)")
    there.run("DELETE FROM {t} WHERE id IN (2, 50)")
    there.take(way)
    assert there.tables == ["t", NEW]
    assert there.old_rows == [WRITTEN[0], *WRITTEN[2:]]
    for one in (there.forward, way):
        assert "somebody else" not in there.story(one), "our own writes are taken for others'"
    assert there.fired == fired + 2, "the trigger has fired for what was replayed"
    assert [row[0] for row in there.run("SHOW TRIGGERS FROM {s} LIKE 't'")] == ["noted"]
    again = there.followed(there.way_forward)
    there.run("UPDATE {t} SET v = 'x' WHERE id = 1")
    there.run("INSERT INTO {t} (v, note) VALUES ('y', 'mine')")
    there.take(again)
    assert there.tables == ["t", OLD]
    assert there.new_rows == [
        (1, "x", 1, 8, 10),
        (3, "c", 3, 7, 30),
        (9, "new", 9, 7, None),
        (51, "y", 0, 7, None),  # the changed table has given out 50
    ]
    told = there.hooks.told("direction").split()
    assert told == ["forward", "forward", "back", "back", "forward", "forward"]


# Each is a transaction.
EXCHANGES = (
    (  # two rows exchange their keys
        "UPDATE {t} SET id = 99 WHERE id = 1",
        "UPDATE {t} SET id = 1 WHERE id = 2",
        "UPDATE {t} SET id = 2 WHERE id = 99",
    ),
    (  # two rows exchange a unique value
        "UPDATE {t} SET code = NULL WHERE id = 1",
        "UPDATE {t} SET code = 20 WHERE id = 3",
        "UPDATE {t} SET code = 30 WHERE id = 1",
    ),
    ("INSERT INTO {t} (id, label, code) VALUES (4, 'd', 40), (5, 'e', 50)",),
    (  # another row of a key
        "DELETE FROM {t} WHERE id = 3",
        "INSERT INTO {t} (id, label, n) VALUES (3, 'n', 5)",
        "UPDATE {t} SET id = 6 WHERE id = 4",
    ),
)
EXCHANGED = [
    (1, "b", 2, "second", 30),
    (2, "a", 1, "first", 10),
    (3, "n", 5, "none", None),
    (5, "e", 0, "none", 50),
    (6, "d", 0, "none", 40),
]


def test_each_row_keeps_what_was_dropped_and_leaves_it_to_no_other(there: AlterRound) -> None:
    way = there.go()
    for statements in EXCHANGES:
        there.run(*statements)
    there.take(way)
    assert there.old_rows == EXCHANGED


@pytest.mark.long
def test_so_it_does_in_a_transaction_larger_than_a_batch(
    pools: Pools, schema: str, tmp_path: Path
) -> None:
    stream = pools.settings.stream.model_copy(update={"batch_rows": 1})
    small = Pools(pools.settings.model_copy(update={"stream": stream}))
    with ready_alter_round(small, schema, tmp_path) as there:
        way = there.go()
        there.run(*(one for statements in EXCHANGES for one in statements))
        there.take(way)
        assert there.old_rows == EXCHANGED
    small.close()


def test_it_is_not_taken_before_its_alter_has_ended(there: AlterRound) -> None:
    there.allow()
    there.forward.killed_at(Point.WAY_BACK_RECORDED)
    with pytest.raises(RefusedError, match="only one that is done can be rolled back"):
        there.ask(there.way_back)
    with pytest.raises(RefusedError, match="is switching") as refused:
        there.ask(there.forward)
    assert "Wait until it is done" in refused.value.remedy
    there.forward.until(Stage.DONE)
    there.take(there.followed(there.way_back))
    assert len(there.old_rows) == 3


@pytest.mark.long
@pytest.mark.parametrize("point", BEFORE_THE_SWAP + AFTERWARDS)
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


@pytest.mark.long
@pytest.mark.parametrize("alter_first", [True, False])
def test_after_a_roll_back_each_cleans_up_its_own(there: AlterRound, alter_first: bool) -> None:
    way = there.go()
    there.take(way)
    ids = (there.forward.migration_id, way.migration_id)
    for one in ids if alter_first else ids[::-1]:
        clean_up(there.pools, SERVER, one, "test")
    assert there.tables == ["t"]
    assert there.own_tables == []
    assert len(there.old_rows) == 3


@pytest.mark.long
def test_a_clean_up_of_the_first_leaves_what_a_later_one_has_retired(there: AlterRound) -> None:
    way = there.go()
    there.take(way)
    there.take(there.followed(there.way_forward))
    with pytest.raises(RefusedError, match="belongs to migration"):
        clean_up(there.pools, SERVER, there.forward.migration_id, "test")
    assert there.tables == ["t", OLD]
