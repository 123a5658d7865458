"""A table that somebody else has put under a name that Tranship uses is never dropped."""

from __future__ import annotations

from pathlib import Path

from pipeline.commands import control
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from tests.support.cut_overs import ReadyAlter, ready_move
from tests.support.moves import TARGET, story


def test_triggers_are_not_rehearsed_on_a_table_that_is_not_ours(
    pools: Pools, schema: str, tmp_path: Path
) -> None:
    with ready_move(pools, schema, tmp_path, trigger="NEW.v") as move:
        theirs = f"{schema}._tranship_{move.id}_0"
        with pools.begin(TARGET) as target:
            run(target, f"CREATE TABLE {theirs} (id INT PRIMARY KEY)")
            run(target, f"INSERT INTO {theirs} VALUES (7)")
        move.allow()
        move.ends_as_it_began(Stage.FAILED)
        assert f"{theirs} exists on the target and is not Tranship's" in story(pools, move.id)
        with pools.begin(TARGET) as target:
            assert run(target, f"SELECT id FROM {theirs}").rows == ((7,),)


def test_an_abort_drops_no_table_that_has_taken_the_shadows_name(alter: ReadyAlter) -> None:
    theirs = f"{alter.schema}.t_tranship_new"
    control.postpone(alter.pools, TARGET, alter.id, "test")
    alter.run(f"DROP TABLE {theirs}")
    alter.run(f"CREATE TABLE {theirs} (id INT PRIMARY KEY)")
    control.abort(alter.pools, TARGET, alter.id, "test")
    alter.ends_as_it_began(Stage.ABORTED)
    assert alter.run(f"SELECT * FROM {theirs}") == []
    assert f"{theirs} is not the table that was created" in story(alter.pools, alter.id)
