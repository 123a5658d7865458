"""A step that takes longer than the lease keeps it, unless the application waits for its end."""

from __future__ import annotations

import time

from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point, at
from tests.support.coordinators import Coordinators, hurried
from tests.support.cut_overs import ReadyMove
from tests.support.moves import SOURCE, begin_move
from tests.support.once import once


def test_a_coordinator_never_leaves_refused_writes_because_its_hook_took_long(
    move: ReadyMove,
) -> None:
    """Nobody might come soon: what a call has already taken must not count."""
    with at(Point.INTENT_WRITTEN, lambda: time.sleep(0.2)):  # twice the budget of a call
        move.coordinators.until_true(lambda: move.coordinators.stage is not Stage.READY)
    assert move.coordinators.stage is Stage.DONE


def outlast_the_lease(coordinators: Coordinators) -> None:
    time.sleep(2 * coordinators.pools.settings.timeouts.lease_s)


def test_two_coordinators_never_replace_each_other_because_a_step_takes_long(
    pools: Pools, schema: str
) -> None:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
    others = list[Stage | None]()
    with hurried(pools) as quick:
        coordinators = Coordinators(quick, begin_move(pools, schema, ["t"]))

        def take_long() -> None:
            outlast_the_lease(coordinators)
            others.append(coordinators.once("another"))

        with at(Point.DDL_NOTED, once(take_long)):
            coordinators.once("first")
    assert others == [None]
    assert coordinators.stage is not Stage.PREPARING


def test_a_coordinator_that_hangs_while_writes_are_refused_is_replaced(move: ReadyMove) -> None:
    def hang() -> None:
        outlast_the_lease(move.coordinators)
        move.coordinators.until(Stage.DONE)

    with at(Point.DRAINING, once(hang)):
        move.coordinators.until(Stage.DONE)
    move.ends_done()
