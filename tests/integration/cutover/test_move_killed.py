"""Wherever a coordinator is killed in a move's cut-over, the next one ends it.

At each point the control schema alone has to be enough (I7). All workers are killed at some of
these points in acceptance/test_crash.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.commands import control
from pipeline.control.migrations import record_failure
from pipeline.domain.migration import Failure
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point
from tests.support.coordinators import Coordinators, hurried, streaming
from tests.support.hooks import Hooks
from tests.support.moves import SOURCE, TARGET, begin_move, read

# The stage in which a coordinator that is killed there leaves the migration.
BEFORE_SWITCHING = {
    Point.INTENT_WRITTEN: Stage.BLOCKING,
    Point.RENAMED: Stage.BLOCKING,
    Point.DRAINING: Stage.DRAINING,
    Point.VERIFYING: Stage.VERIFYING,
}
SWITCHING = {
    Point.BEFORE_SUCCESS_HOOK: Stage.SWITCHING,
    Point.DURING_SUCCESS_HOOK: Stage.SWITCHING,
    Point.AFTER_SUCCESS_HOOK: Stage.SWITCHING,
}
TABLES = ("one", "two")


@dataclass
class Move:
    """A move of two tables, ready to be cut over, and who coordinates it."""

    pools: Pools
    schema: str
    hooks: Hooks
    coordinators: Coordinators

    @property
    def id(self) -> str:
        return self.coordinators.migration_id

    def killed_at(self, point: Point) -> None:
        self.coordinators.killed_at(point)
        assert self.coordinators.stage is (BEFORE_SWITCHING | SWITCHING)[point]

    def write(self, number: int) -> None:
        """As the application would: a row that is there, and one that is not."""
        with self.pools.begin(SOURCE) as source:
            for name in TABLES:
                run(source, f"REPLACE INTO {self.schema}.{name} VALUES (1, 'x'), ({number}, 'y')")

    def fail(self, why: str) -> None:
        with self.pools.begin(TARGET) as link:
            record_failure(link, self.id, Failure(Role.STREAM, why, ""))

    @property
    def source_tables(self) -> list[str]:
        with self.pools.begin(SOURCE) as source:
            return [str(row[0]) for row in run(source, f"SHOW TABLES FROM {self.schema}").rows]

    def rows(self, server: str, name: str) -> list[tuple[object, ...]]:
        with self.pools.begin(server) as link:
            return list(run(link, f"SELECT * FROM {self.schema}.{name} ORDER BY id").rows)

    def ends_done(self) -> None:
        self.coordinators.until(Stage.DONE)
        assert self.source_tables == [f"_{name}_del" for name in TABLES]
        for name in TABLES:
            assert self.rows(TARGET, name) == [(1, "x"), (2, "b"), (3, "y")]
        assert self.hooks.writes_to == TARGET

    def ends_as_it_began(self, stage: Stage) -> None:
        self.coordinators.until(stage)
        assert self.source_tables == list(TABLES)
        self.write(3)
        assert self.hooks.attempts("on-success") == []


@pytest.fixture
def move(pools: Pools, schema: str, tmp_path: Path) -> Iterator[Move]:
    with pools.begin(SOURCE) as source:
        for name in TABLES:
            run(source, f"CREATE TABLE {schema}.{name} (id INT PRIMARY KEY, v VARCHAR(9))")
            run(source, f"INSERT INTO {schema}.{name} VALUES (1, 'a'), (2, 'b')")
    hooks = Hooks(tmp_path)
    migration_id = begin_move(pools, schema, TABLES, postponed=True, hooks=hooks.commands)
    with hurried(pools) as quick, streaming(pools, migration_id):
        move = Move(pools, schema, hooks, Coordinators(quick, migration_id))
        move.coordinators.until(Stage.READY)
        control.cut_over(pools, TARGET, migration_id, "test")
        move.write(3)  # to be drained and verified
        yield move


@pytest.mark.parametrize("point", BEFORE_SWITCHING)
def test_the_next_coordinator_ends_the_move(move: Move, point: Point) -> None:
    move.killed_at(point)
    move.ends_done()
    assert move.hooks.attempts("on-success") == [1]


@pytest.mark.parametrize("point", BEFORE_SWITCHING)
def test_an_abort_gives_the_source_its_tables_back(move: Move, point: Point) -> None:
    move.killed_at(point)
    control.abort(move.pools, TARGET, move.id, "test")
    move.ends_as_it_began(Stage.ABORTED)


def test_a_failure_gives_the_source_its_tables_back_and_can_be_resumed(move: Move) -> None:
    move.killed_at(Point.VERIFYING)
    move.fail("the disk is full")
    move.ends_as_it_began(Stage.FAILED)
    assert read(move.pools, move.id).resume_stage is Stage.READY
    control.resume(move.coordinators.pools, TARGET, move.id, "test")
    move.ends_done()


@pytest.mark.parametrize("point", SWITCHING)
def test_past_the_point_of_no_return_the_next_coordinator_ends_it_whatever_happens(
    move: Move, point: Point
) -> None:
    move.killed_at(point)
    with pytest.raises(RefusedError, match="can't be aborted any more"):
        control.abort(move.pools, TARGET, move.id, "test")
    move.fail("came too late")
    move.ends_done()
    told = [2] if point is Point.DURING_SUCCESS_HOOK else [1]
    assert move.hooks.attempts("on-success") == told


def test_a_coordinator_that_was_paused_can_rename_nothing_later(move: Move) -> None:
    """Whoever takes over first ends the connection in the intent."""
    with move.coordinators.paused_at(Point.INTENT_WRITTEN) as go_on:
        control.abort(move.pools, TARGET, move.id, "test")
        move.ends_as_it_began(Stage.ABORTED)
        go_on()
        assert move.source_tables == list(TABLES)


def test_a_coordinator_that_was_paused_after_its_rename_changes_no_stage_later(move: Move) -> None:
    with move.coordinators.paused_at(Point.RENAMED) as go_on:
        move.ends_done()
        go_on()
        assert move.coordinators.stage is Stage.DONE
