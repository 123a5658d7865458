"""Wherever a coordinator is killed in an alter's cut-over, the table is complete and usable.

Its two connections go with it, in no order (I7). Workers, connections and the server itself are
killed at some of these points in acceptance/test_alter_killed.
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
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point
from tests.support.alters import SERVER, begin_alter, leftovers
from tests.support.coordinators import Coordinators, hurried, streaming
from tests.support.hooks import Hooks
from tests.support.moves import read

# The stage in which a coordinator that is killed there leaves the migration.
BEFORE_THE_SWAP = {
    Point.INTENT_WRITTEN: Stage.BLOCKING,
    Point.LOCKED: Stage.BLOCKING,
    Point.RENAME_WAITS: Stage.BLOCKING,
    Point.DRAINING: Stage.DRAINING,
    Point.VERIFYING: Stage.VERIFYING,
    Point.PROVED: Stage.SWAPPING,
}
SENTRY_DROPPED = {Point.SENTRY_DROPPED: Stage.SWAPPING}  # the rename may go through, or not
SWAPPED = {
    Point.SWAPPED: Stage.SWAPPING,
    Point.BEFORE_SUCCESS_HOOK: Stage.SWITCHING,
    Point.DURING_SUCCESS_HOOK: Stage.SWITCHING,
    Point.AFTER_SUCCESS_HOOK: Stage.SWITCHING,
}
STAGES = BEFORE_THE_SWAP | SENTRY_DROPPED | SWAPPED
LOG = "log"  # of the table's trigger


@dataclass
class Alter:
    """An alter that adds a column, ready to be cut over, and who coordinates it."""

    pools: Pools
    schema: str
    hooks: Hooks
    coordinators: Coordinators

    @property
    def id(self) -> str:
        return self.coordinators.migration_id

    def killed_at(self, point: Point) -> None:
        self.coordinators.killed_at(point)
        assert self.coordinators.stage is STAGES[point]

    def run(self, statement: str) -> list[tuple[object, ...]]:
        with self.pools.begin(SERVER) as server:
            run(server, "SET SESSION lock_wait_timeout = 2")  # nothing is locked for good
            return list(run(server, statement).rows)

    def write(self, number: int) -> None:
        """As the application would: a row that is there, and one that is not."""
        self.run(f"REPLACE INTO {self.schema}.t (id, v) VALUES (1, 'x'), ({number}, 'y')")

    @property
    def fired(self) -> int:
        """How often the table's trigger did."""
        ((number,),) = self.run(f"SELECT COUNT(*) FROM {self.schema}.{LOG}")
        return int(str(number))

    def fail(self, why: str) -> None:
        with self.pools.begin(SERVER) as link:
            record_failure(link, self.id, Failure(Role.STREAM, why, ""))

    def ends_done(self) -> None:
        self.coordinators.until(Stage.DONE)
        assert leftovers(self.pools, self.schema) == [LOG, "t", "t_tranship_old"]
        rows = self.run(f"SELECT id, v, c FROM {self.schema}.t ORDER BY id")
        assert rows == [(1, "x", 7), (2, "b", 7), (3, "y", 7)]
        self.write(4)

    def ends_as_it_began(self, stage: Stage) -> None:
        self.coordinators.until(stage)
        rows = self.run(f"SELECT * FROM {self.schema}.t ORDER BY id")
        assert rows == [(1, "x"), (2, "b"), (3, "y")]
        self.write(3)
        assert self.hooks.attempts("on-success") == []


@pytest.fixture
def alter(pools: Pools, schema: str, tmp_path: Path) -> Iterator[Alter]:
    with pools.begin(SERVER) as server:
        run(server, f"CREATE DATABASE {schema}")
        run(server, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(9))")
        run(server, f"CREATE TABLE {schema}.log (n INT AUTO_INCREMENT PRIMARY KEY)")
        run(server, f"CREATE TRIGGER {schema}.note AFTER INSERT ON {schema}.t FOR EACH ROW"
                    f" INSERT INTO {schema}.log VALUES (NULL)")  # fmt: skip
        run(server, f"INSERT INTO {schema}.t VALUES (1, 'a'), (2, 'b')")
    hooks = Hooks(tmp_path)
    migration_id = begin_alter(
        pools, schema, "t", "ADD COLUMN c INT NOT NULL DEFAULT 7", postponed=True,
        hooks=hooks.commands, with_triggers=True,
    )  # fmt: skip
    with hurried(pools) as quick, streaming(pools, migration_id):
        alter = Alter(pools, schema, hooks, Coordinators(quick, migration_id))
        alter.coordinators.until(Stage.READY)
        control.cut_over(pools, SERVER, migration_id, "test")
        alter.write(3)  # to be drained and verified
        yield alter


@pytest.mark.parametrize("point", BEFORE_THE_SWAP | SENTRY_DROPPED)
def test_the_next_coordinator_ends_the_alter(alter: Alter, point: Point) -> None:
    alter.killed_at(point)
    alter.ends_done()
    assert alter.hooks.attempts("on-success") == [1]


@pytest.mark.parametrize("point", BEFORE_THE_SWAP)
def test_an_abort_leaves_the_table_as_it_was(alter: Alter, point: Point) -> None:
    alter.killed_at(point)
    control.abort(alter.pools, SERVER, alter.id, "test")
    alter.ends_as_it_began(Stage.ABORTED)
    assert leftovers(alter.pools, alter.schema) == [LOG, "t"]


def test_a_failure_leaves_the_table_as_it_was_and_can_be_resumed(alter: Alter) -> None:
    alter.killed_at(Point.PROVED)
    alter.fail("the disk is full")
    alter.ends_as_it_began(Stage.FAILED)
    assert read(alter.pools, alter.id).resume_stage is Stage.READY
    control.resume(alter.coordinators.pools, SERVER, alter.id, "test")
    alter.ends_done()


@pytest.mark.parametrize("point", SWAPPED)
def test_once_swapped_the_next_coordinator_ends_it_whatever_happens(
    alter: Alter, point: Point
) -> None:
    alter.killed_at(point)
    if STAGES[point] is Stage.SWAPPING:
        control.abort(alter.pools, SERVER, alter.id, "test")
    alter.fail("came too late")
    alter.ends_done()
    told = [2] if point is Point.DURING_SUCCESS_HOOK else [1]
    assert alter.hooks.attempts("on-success") == told


@pytest.mark.parametrize("point", [Point.PROVED, Point.SENTRY_DROPPED])
def test_a_coordinator_that_was_paused_can_swap_nothing_later(alter: Alter, point: Point) -> None:
    """Whoever takes over first ends the connections in the intent."""
    with alter.coordinators.paused_at(point) as go_on:
        control.abort(alter.pools, SERVER, alter.id, "test")
        alter.ends_as_it_began(Stage.ABORTED)
        go_on()
        assert leftovers(alter.pools, alter.schema) == [LOG, "t"]


def test_triggers_of_an_attempt_that_was_cut_short_never_fire_for_what_is_applied(
    alter: Alter,
) -> None:
    """The shadow has them already, and is written to again before the next attempt."""
    alter.killed_at(Point.PROVED)
    fired = alter.fired
    alter.run(f"INSERT INTO {alter.schema}.t VALUES (5, 'z')")
    alter.coordinators.until(Stage.DONE)
    assert alter.run(f"SELECT v FROM {alter.schema}.t WHERE id = 5") == [("z",)]
    assert alter.fired == fired + 1
    alter.run(f"INSERT INTO {alter.schema}.t (id) VALUES (6)")
    assert alter.fired == fired + 2
