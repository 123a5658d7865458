"""While it stands open, the way back of an alter disturbs nobody, whatever stops it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.commands.clean_up import clean_up
from pipeline.commands.resume import resume
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools
from pipeline.pausepoints import Point, at
from pipeline.status.progress import read_progress
from tests.support.alter_backs import OLD, AlterRound, ready_alter_round
from tests.support.alters import SERVER
from tests.support.once import once

SWITCHED = (
    Point.PROVED,
    Point.SWAPPED,
    Point.BEFORE_SUCCESS_HOOK,
    Point.AFTER_SUCCESS_HOOK,
    Point.WAY_BACK_RECORDED,
)
INSERT = "INSERT INTO {t} (id, label, n) VALUES (9, 'new', 9)"


def test_a_row_that_does_not_fit_stops_the_way_back_by_its_key_and_nothing_else(
    there: AlterRound,
) -> None:
    way = there.go()
    there.run("UPDATE {t} SET n = 70000 WHERE id = 2")
    way.until(Stage.FAILED)
    failure = there.read(way).failure
    assert failure is not None
    assert "with key 2 can't be converted" in failure.explanation
    assert f"{there.schema}.t stays in use; only" in failure.remedy
    progress = read_progress(there.pools, SERVER, there.forward.migration_id)
    assert progress.stage is Stage.DONE
    assert progress.way_back is not None
    assert progress.way_back.trouble == failure.explanation
    there.run(INSERT)
    there.run("UPDATE {t} SET n = 5 WHERE id = 2")
    resume(way.pools, SERVER, way.migration_id, "test")
    there.take(way)
    assert there.old_rows[1:] == [
        (2, "b", 5, "second", 20),
        (3, "c", 3, "third", 30),
        (9, "new", 9, "none", None),
    ]


def test_a_correction_is_found_however_many_batches_later_it_comes(
    pools: Pools, schema: str, tmp_path: Path
) -> None:
    stream = pools.settings.stream.model_copy(update={"batch_rows": 1})
    small = Pools(pools.settings.model_copy(update={"stream": stream}))
    with ready_alter_round(small, schema, tmp_path) as there:
        way = there.go()
        there.run("UPDATE {t} SET n = 70000, code = NULL WHERE id = 2")
        way.until(Stage.FAILED)
        there.run("UPDATE {t} SET code = 20 WHERE id = 1")
        for number in range(10, 20):
            there.run(f"INSERT INTO {{t}} (id, n) VALUES ({number}, 9)")
        there.run("UPDATE {t} SET n = 5, id = 4 WHERE id = 2")
        resume(way.pools, SERVER, way.migration_id, "test")
        there.take(way)
        assert there.old_rows[:3] == [
            (1, "a", 1, "first", 20),
            (3, "c", 3, "third", 30),
            (4, "b", 5, "second", None),
        ]
        assert len(there.old_rows) == 13
    small.close()


@pytest.mark.long
@pytest.mark.parametrize("point", SWITCHED)
def test_what_is_written_after_a_kill_is_in_it(there: AlterRound, point: Point) -> None:
    there.allow()
    there.forward.killed_at(point)
    written = point is not Point.PROVED
    if written:
        there.run(INSERT)
    there.forward.until(Stage.DONE)
    if not written:
        there.run(INSERT)
    there.take(there.followed(there.way_back))
    assert there.old_rows[-1] == (9, "new", 9, "none", None)
    assert there.story(there.way_back).count("created") == 1


@pytest.mark.long
@pytest.mark.parametrize("recorded", [True, False])
def test_what_others_write_to_the_old_table_stops_the_way_back_and_loses_nothing(
    there: AlterRound, recorded: bool
) -> None:
    def write() -> None:
        there.run(f"UPDATE {{s}}.{OLD} SET v = 'theirs' WHERE id = 3")

    if recorded:
        way = there.go()
        write()
    else:
        with at(Point.SWAPPED, once(write)):
            way = there.go()
    there.run("UPDATE {t} SET label = 'x' WHERE id = 1")
    there.ask(way)
    way.until(Stage.FAILED)
    failure = there.read(way).failure
    assert failure is not None
    assert f"{OLD} differs from {there.schema}.t, at the keys 3" in failure.explanation
    assert f"{OLD} at the keys 3" in there.story(way)
    assert "what they hold in note can't be verified" in there.story(way)
    there.run(f"UPDATE {{s}}.{OLD} SET v = 'c' WHERE id = 3")
    resume(way.pools, SERVER, way.migration_id, "test")
    way.until(Stage.DONE)
    assert there.old_rows == [
        (1, "x", 1, "first", 10),
        (2, "b", 2, "second", 20),
        (3, "c", 3, "third", 30),
    ]


def test_a_clean_up_of_the_alter_ends_it_and_leaves_nothing(there: AlterRound) -> None:
    way = there.go()
    there.run(INSERT)
    clean_up(there.pools, SERVER, there.forward.migration_id, "test")
    assert there.read(way).stage is Stage.ABORTED
    assert there.tables == ["t"]
    assert there.own_tables == []
    there.run("UPDATE {t} SET label = 'x'")
