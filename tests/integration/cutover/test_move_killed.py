"""Wherever a coordinator is killed in a move's cut-over, the next one ends it.

At each point the control schema alone has to be enough (I7). All workers are killed at some of
these points in acceptance/test_crash.
"""

from __future__ import annotations

import pytest

from pipeline.commands import control
from pipeline.commands.resume import resume
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError
from pipeline.pausepoints import Point
from tests.support.cut_overs import ReadyMove
from tests.support.moves import TARGET, read

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


def kill(move: ReadyMove, point: Point) -> None:
    move.coordinators.killed_at(point)
    assert move.coordinators.stage is (BEFORE_SWITCHING | SWITCHING)[point]


@pytest.mark.parametrize("point", BEFORE_SWITCHING)
def test_the_next_coordinator_ends_the_move(move: ReadyMove, point: Point) -> None:
    kill(move, point)
    move.ends_done()
    assert move.hooks.attempts("on-success") == [1]


@pytest.mark.parametrize("point", BEFORE_SWITCHING)
def test_an_abort_gives_the_source_its_tables_back(move: ReadyMove, point: Point) -> None:
    kill(move, point)
    control.abort(move.pools, TARGET, move.id, "test")
    move.ends_as_it_began(Stage.ABORTED)


def test_a_failure_gives_the_source_its_tables_back_and_can_be_resumed(move: ReadyMove) -> None:
    kill(move, Point.VERIFYING)
    move.fail("the disk is full")
    move.ends_as_it_began(Stage.FAILED)
    assert read(move.pools, move.id).resume_stage is Stage.READY
    resume(move.coordinators.pools, TARGET, move.id, "test")
    move.ends_done()


@pytest.mark.parametrize("point", SWITCHING)
def test_past_the_point_of_no_return_the_next_coordinator_ends_it_whatever_happens(
    move: ReadyMove, point: Point
) -> None:
    kill(move, point)
    with pytest.raises(RefusedError, match="can't be aborted any more"):
        control.abort(move.pools, TARGET, move.id, "test")
    move.fail("came too late")
    move.ends_done()
    told = [2] if point is Point.DURING_SUCCESS_HOOK else [1]
    assert move.hooks.attempts("on-success") == told


def test_a_coordinator_that_was_paused_can_rename_nothing_later(move: ReadyMove) -> None:
    """Whoever takes over first ends the connection in the intent."""
    with move.coordinators.paused_at(Point.INTENT_WRITTEN) as go_on:
        control.abort(move.pools, TARGET, move.id, "test")
        move.ends_as_it_began(Stage.ABORTED)
        go_on()
        assert move.in_place


def test_a_coordinator_that_was_paused_after_its_rename_changes_no_stage_later(
    move: ReadyMove,
) -> None:
    with move.coordinators.paused_at(Point.RENAMED) as go_on:
        move.ends_done()
        go_on()
        assert move.coordinators.stage is Stage.DONE
