"""DDL commits by itself; that of a coordinator that was paused in front of it never happens."""

from __future__ import annotations

from pathlib import Path

from pipeline.commands import control
from pipeline.commands.resume import resume
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point
from tests.support.alters import SERVER, begin_alter
from tests.support.coordinators import Coordinators, hurried, streaming
from tests.support.cut_overs import ReadyMove
from tests.support.moves import TARGET


def test_a_shadow_that_has_been_filled_is_never_replaced_by_an_empty_one(
    pools: Pools, schema: str, tmp_path: Path
) -> None:
    with pools.begin(SERVER) as server:
        run(server, f"CREATE DATABASE {schema}")
        run(server, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
        run(server, f"INSERT INTO {schema}.t VALUES (1), (2)")
    migration_id = begin_alter(pools, schema, "t", "ADD COLUMN c INT", postponed=True)
    with hurried(pools) as quick, streaming(pools, migration_id):
        coordinators = Coordinators(quick, migration_id)
        with coordinators.paused_at(Point.DDL_NOTED) as go_on:
            coordinators.until(Stage.READY)
            go_on()
        control.cut_over(pools, TARGET, migration_id, "test")
        coordinators.until(Stage.DONE)
    with pools.begin(SERVER) as server:
        assert len(run(server, f"SELECT id, c FROM {schema}.t").rows) == 2


def test_tables_are_never_given_back_to_the_source_after_the_switch(move: ReadyMove) -> None:
    move.coordinators.killed_at(Point.VERIFYING)
    move.fail("the disk is full")
    with move.coordinators.paused_at(Point.DDL_NOTED) as go_on:
        move.coordinators.until(Stage.FAILED)
        resume(move.coordinators.pools, TARGET, move.id, "test")
        move.ends_done()
        go_on()
        assert not move.in_place
