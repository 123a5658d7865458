"""There and back again the tables have the names that they had."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.domain.hook_names import Hook
from pipeline.domain.request import (
    AlterRequest,
    MoveRequest,
    Request,
    alter_request,
    move_request,
    way_back_of,
)
from pipeline.domain.way_back import Direction, way_back_id
from pipeline.mysql.table import TableName

UNTIL = datetime(2026, 1, 2, tzinfo=UTC)
OLD, NEW = TableName("a", "t"), TableName("b", "t")
MOVE = MoveRequest(
    source="old", target="new", tables=(OLD,), target_schema="b", way_back_s=60,
    hooks={Hook.STARTUP: "x", Hook.ON_SUCCESS: "y"},
)  # fmt: skip
BACK = move_request(way_back_of(MOVE, "m1", UNTIL))
FORTH = move_request(way_back_of(BACK, "m2", UNTIL))
ALTER = AlterRequest(server="db", table=OLD, change="ADD COLUMN c INT", way_back_s=60)
ALTER_BACK = way_back_of(ALTER, "m1", UNTIL)
ALTER_FORTH = way_back_of(ALTER_BACK, "m2", UNTIL)


def test_the_way_back_fills_the_retired_table_which_gets_its_old_name() -> None:
    assert (BACK.source, BACK.target) == ("new", "old")
    assert BACK.tables == (NEW,)
    assert BACK.target_name(NEW) == TableName("a", "_t_del")
    assert BACK.live_name(NEW) == OLD


def test_the_way_forward_again_leads_to_the_new_name() -> None:
    assert (FORTH.source, FORTH.target) == ("old", "new")
    assert FORTH.tables == (OLD,)
    assert FORTH.target_name(OLD) == TableName("b", "_t_del")
    assert FORTH.live_name(OLD) == NEW


def test_an_alter_fills_in_turn_the_two_tables_beside_its_own() -> None:
    new, old = TableName("a", "t_tranship_new"), TableName("a", "t_tranship_old")
    turns = [alter_request(one) for one in (ALTER, ALTER_BACK, ALTER_FORTH)]
    assert [one.target_name(OLD) for one in turns] == [new, old, new]
    assert [one.retired_name for one in turns] == [old, new, old]


@pytest.mark.parametrize(
    "turns", [(MOVE, BACK, FORTH), (ALTER, ALTER_BACK, ALTER_FORTH)], ids=["move", "alter"]
)
def test_each_turn_changes_the_direction(turns: tuple[Request, ...]) -> None:
    found = [one.direction for one in turns]
    assert found == [Direction.FORWARD, Direction.BACK, Direction.FORWARD]


def test_a_way_back_runs_no_hook_of_a_start_and_waits_for_a_person() -> None:
    assert BACK.hooks == {Hook.ON_SUCCESS: "y"}
    assert BACK.postpone_cut_over
    assert ALTER_BACK.postpone_cut_over


def test_whoever_records_it_gives_it_the_same_id() -> None:
    assert way_back_id("m1") == way_back_id("m1") != way_back_id("m2")
