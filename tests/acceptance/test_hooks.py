"""Hooks at every stage: in their order, each knowing its attempt, and none lost in a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.commands import control
from pipeline.commands.resume import resume
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.servers import table_exists
from pipeline.mysql.table import TableName
from tests.conftest import Connect
from tests.support.alters import SERVER, begin_alter, make_table
from tests.support.hooks import Hooks
from tests.support.moves import SOURCE, TARGET, begin_move, story, wait_for, wait_until
from tests.support.stack import Stack


@pytest.fixture
def hooks(tmp_path: Path) -> Hooks:
    return Hooks(tmp_path)


@pytest.fixture
def entries(pools: Pools, schema: str) -> TableName:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.entries (id INT PRIMARY KEY)")
        run(source, f"INSERT INTO {schema}.entries VALUES (1), (2), (3)")
    return TableName(schema, "entries")


def test_no_hook_is_left_out_and_none_comes_early(
    pools: Pools, schema: str, entries: TableName, shared_stack: Stack, hooks: Hooks
) -> None:
    migration_id = begin_move(
        pools, schema, ["entries"], hooks=hooks.at_every_stage, postponed=True
    )
    before = [
        "startup preparing", "validated preparing", "before-row-copy copying",
        "row-copy-complete copying", "begin-postponed ready",
    ]  # fmt: skip
    wait_until(lambda: hooks.story() == before, shared_stack.logs(), limit_s=60)
    wait_until(lambda: "waits for you to allow it" in hooks.told("next"), "the status hook")
    control.cut_over(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    assert hooks.story() == [*before, "before-cut-over ready", "on-success switching"]
    assert len(hooks.attempts("status")) > 1
    told = story(pools, migration_id)
    assert "row-copy-complete (attempt 1) exited 0" in told
    assert "status (attempt" not in told  # it would fill the log


def test_an_alter_asks_the_same_hooks(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack, hooks: Hooks
) -> None:
    make_table(connect(SERVER), schema, "t", 200)
    migration_id = begin_alter(pools, schema, "t", "ADD COLUMN c INT", hooks=hooks.at_every_stage)
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    assert hooks.story() == [
        "startup preparing", "validated preparing", "before-row-copy copying",
        "row-copy-complete copying", "before-cut-over ready", "on-success switching",
    ]  # fmt: skip


def test_a_failing_startup_hook_stops_before_anything_is_created(
    pools: Pools, schema: str, entries: TableName, shared_stack: Stack, hooks: Hooks
) -> None:
    hooks.fail("startup")
    migration_id = begin_move(pools, schema, ["entries"], hooks=hooks.at_every_stage)
    wait_for(pools, migration_id, Stage.FAILED, logs=shared_stack.logs)
    assert hooks.story() == ["startup preparing", "on-failure failed"]
    assert hooks.told("failure") == "The hook startup exited 1: told to fail"
    with pools.begin(TARGET) as target:
        assert not table_exists(target, entries)

    hooks.fail("startup", yes=False)
    resume(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    assert hooks.attempts("startup") == [1, 2]
    assert hooks.attempts("validated") == [1]
