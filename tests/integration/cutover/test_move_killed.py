"""Wherever a coordinator is killed in a move's cut-over, the next one ends it.

At each point the control schema alone has to be enough (I7). The whole stack is killed at some
of these points in acceptance/test_crash.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.commands import control
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point
from tests.support.coordinators import Coordinators, hurried, streaming
from tests.support.hooks import Hooks
from tests.support.moves import SOURCE, TARGET, begin_move

# The stage that a coordinator which is killed there has left.
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
RENAMED = (Point.RENAMED, Point.DRAINING, Point.VERIFYING)


@dataclass
class Move:
    """A move of two tables that is ready, and the last rows that the source takes."""

    coordinators: Coordinators
    schema: str
    hooks: Hooks

    @property
    def pools(self) -> Pools:
        return self.coordinators.pools

    def killed_at(self, point: Point) -> None:
        """Kill the coordinator there; changes of the source arrive before and after."""
        self.write(3)
        self.coordinators.killed_at(point)
        assert self.stage is (BEFORE_SWITCHING | SWITCHING)[point]

    @property
    def stage(self) -> Stage:
        return self.coordinators.stage

    def write(self, number: int) -> None:
        with self.pools.begin(SOURCE) as source:
            for name in ("one", "two"):
                run(source, f"REPLACE INTO {self.schema}.{name} VALUES ({number}, 'new'), (1, 'x')")

    def source_tables(self) -> list[str]:
        with self.pools.begin(SOURCE) as source:
            return [str(row[0]) for row in run(source, f"SHOW TABLES FROM {self.schema}").rows]

    def rows(self, server: str, name: str) -> list[tuple[object, ...]]:
        with self.pools.begin(server) as link:
            return list(run(link, f"SELECT * FROM {self.schema}.{name} ORDER BY id").rows)

    def ends_done(self) -> None:
        assert self.coordinators.until(Stage.DONE) is Stage.DONE
        assert self.source_tables() == ["_one_del", "_two_del"]
        for name in ("one", "two"):
            rows = self.rows(TARGET, name)
            assert rows == self.rows(SOURCE, f"_{name}_del")
            assert rows[0] == (1, "x")
        assert self.hooks.writes_to == TARGET

    def ends_with_the_source_as_it_was(self, stage: Stage) -> None:
        assert self.coordinators.until(stage) is stage
        assert self.source_tables() == ["one", "two"]
        self.write(4)  # nothing holds them any more
        assert self.hooks.attempts("on-success") == []


@pytest.fixture
def move(pools: Pools, schema: str, tmp_path: Path) -> Iterator[Move]:
    with pools.begin(SOURCE) as source:
        for name in ("one", "two"):
            run(source, f"CREATE TABLE {schema}.{name} (id INT PRIMARY KEY, v VARCHAR(9))")
            run(source, f"INSERT INTO {schema}.{name} VALUES (1, 'a'), (2, 'b')")
    hooks, quick = Hooks(tmp_path), hurried(pools)
    migration_id = begin_move(pools, schema, ["one", "two"], postponed=True, hooks=hooks.commands)
    coordinators = Coordinators(quick, migration_id)
    with streaming(pools, migration_id):
        coordinators.until(Stage.READY)
        control.cut_over(pools, TARGET, migration_id, "test")
        yield Move(coordinators, schema, hooks)
    quick.close()


@pytest.mark.parametrize("point", BEFORE_SWITCHING | SWITCHING)
def test_a_killed_coordinator_keeps_no_move_from_its_end(move: Move, point: Point) -> None:
    move.killed_at(point)
    move.ends_done()
    told = move.hooks.attempts("on-success")
    assert told == ([2] if point is Point.DURING_SUCCESS_HOOK else [1])


@pytest.mark.parametrize("point", BEFORE_SWITCHING)
def test_an_abort_gives_the_tables_back_wherever_the_coordinator_was_killed(
    move: Move, point: Point
) -> None:
    move.killed_at(point)
    control.abort(move.pools, TARGET, move.coordinators.migration_id, "test")
    move.ends_with_the_source_as_it_was(Stage.ABORTED)
