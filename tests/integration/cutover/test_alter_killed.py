"""Wherever a coordinator is killed in an alter's cut-over, the table is complete and usable.

Its two connections go with it, in no order (I7). Workers, connections and the server itself are
killed at some of these points in acceptance/test_alter_killed.
"""

from __future__ import annotations

import pytest

from pipeline.commands import control
from pipeline.commands.resume import resume
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError
from pipeline.mysql.pools import run
from pipeline.pausepoints import Point
from tests.conftest import Connect
from tests.support.alters import SERVER
from tests.support.cut_overs import ReadyAlter
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


def kill(alter: ReadyAlter, point: Point) -> None:
    alter.coordinators.killed_at(point)
    assert alter.coordinators.stage is STAGES[point]


@pytest.mark.parametrize("point", BEFORE_THE_SWAP | SENTRY_DROPPED)
def test_the_next_coordinator_ends_the_alter(alter: ReadyAlter, point: Point) -> None:
    kill(alter, point)
    alter.ends_done()
    assert alter.hooks.attempts("on-success") == [1]


@pytest.mark.parametrize("point", sorted(set(BEFORE_THE_SWAP) - {Point.PROVED}))
def test_an_abort_leaves_the_table_as_it_was(alter: ReadyAlter, point: Point) -> None:
    kill(alter, point)
    control.abort(alter.pools, SERVER, alter.id, "test")
    alter.ends_as_it_began(Stage.ABORTED)
    assert alter.tables == ["t"]


def test_whoever_has_a_noted_number_since_a_restart_is_never_killed(
    alter: ReadyAlter, connect: Connect
) -> None:
    """The stage is a new one by then, but the number is as old as the attempt."""
    kill(alter, Point.DRAINING)
    stranger = connect(SERVER)
    with alter.pools.begin(SERVER) as link:
        before_the_start = f"lock_connection = {stranger.thread_id()}, blocked_at = '2000-01-01'"
        run(link, f"UPDATE tranship.migrations SET {before_the_start} WHERE id = '{alter.id}'")
    alter.coordinators.until(Stage.READY)
    stranger.ping(reconnect=False)


def test_a_failure_leaves_the_table_as_it_was_and_can_be_resumed(alter: ReadyAlter) -> None:
    kill(alter, Point.PROVED)
    alter.fail("the disk is full")
    alter.ends_as_it_began(Stage.FAILED)
    assert read(alter.pools, alter.id).resume_stage is Stage.READY
    resume(alter.coordinators.pools, SERVER, alter.id, "test")
    alter.ends_done()


@pytest.mark.parametrize("point", SWAPPED)
def test_once_swapped_the_next_coordinator_ends_it_whatever_happens(
    alter: ReadyAlter, point: Point
) -> None:
    kill(alter, point)
    with pytest.raises(RefusedError):
        control.abort(alter.pools, SERVER, alter.id, "test")
    alter.fail("came too late")
    alter.ends_done()
    told = [2] if point is Point.DURING_SUCCESS_HOOK else [1]
    assert alter.hooks.attempts("on-success") == told


@pytest.mark.parametrize("point", [Point.PROVED, Point.SENTRY_DROPPED])
def test_a_coordinator_that_was_paused_can_swap_nothing_later(
    alter: ReadyAlter, point: Point
) -> None:
    """Whoever takes over first ends the connections in the intent."""
    with alter.coordinators.paused_at(point) as go_on:
        alter.fail("the disk is full")
        alter.ends_as_it_began(Stage.FAILED)
        go_on()
        assert alter.tables == ["t", "t_tranship_new"]


def test_triggers_of_an_attempt_that_was_cut_short_never_fire_for_what_is_applied(
    alter: ReadyAlter,
) -> None:
    """The shadow has them already, and is written to again before the next attempt."""
    kill(alter, Point.PROVED)
    fired = alter.fired
    alter.run(f"INSERT INTO {alter.schema}.t VALUES (5, 'z')")
    alter.coordinators.until(Stage.DONE)
    assert alter.run(f"SELECT v FROM {alter.schema}.t WHERE id = 5") == [("z",)]
    assert alter.fired == fired + 1
    alter.run(f"INSERT INTO {alter.schema}.t (id) VALUES (6)")
    assert alter.fired == fired + 2
