"""A moved table is never written as an altered one is, nor the other way round."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.domain.alter_plan import AlterPlan
from pipeline.domain.migration import MigrationTable, source_name
from pipeline.domain.stages import MAY_BE_RETIRED, Stage
from pipeline.errors import DefectError
from pipeline.mysql.table import Column, Key, Table, TableName, ValueKind
from pipeline.strategy.alter import AlterStrategy
from pipeline.strategy.base import Strategy
from pipeline.strategy.choice import strategy_of
from pipeline.strategy.move import MoveStrategy, under_name

ID = Column("id", ValueKind.INTEGER, "int", "int", nullable=False)
ORIGINAL = Table(TableName("s", "t"), (ID,), Key("PRIMARY", ("id",)))
WIDER = replace(ID, data_type="bigint", column_type="bigint")
SHADOW = replace(ORIGINAL, name=TableName("s", "t_tranship_new"), columns=(WIDER,))
PLAN = AlterPlan("MODIFY id BIGINT", ORIGINAL, SHADOW, (), True, (), ())
MOVED = MigrationTable(
    1,
    "m",
    0,
    ORIGINAL,
    TableName("elsewhere", "t"),
    0,
    0,
    False,
    True,
    True,
    100,
    "",
)
ALTERED = replace(MOVED, target=SHADOW.name, alter_plan=PLAN)


def test_a_moved_table_is_filled_as_a_move_does() -> None:
    assert strategy_of(MOVED) == MoveStrategy(MOVED)


def test_an_altered_table_is_filled_by_its_own_plan() -> None:
    assert strategy_of(ALTERED) == AlterStrategy(ALTERED, PLAN)


def test_the_interface_never_outgrows_what_a_reader_keeps_in_mind() -> None:
    assert len(Strategy.__abstractmethods__) <= 6


@pytest.mark.parametrize(
    ("retyped", "in_place"), [(True, False), (False, True)], ids=["retyped", "not retyped"]
)
def test_rows_of_another_type_are_never_compared_as_they_are(retyped: bool, in_place: bool) -> None:
    table = replace(ALTERED, alter_plan=replace(PLAN, retyped=retyped))
    assert strategy_of(table).compares_in_place is in_place
    assert strategy_of(MOVED).compares_in_place


# what the two differ in as plain data


def test_the_target_is_never_read_by_the_wrong_definition() -> None:
    assert MOVED.target_table == ORIGINAL
    assert ALTERED.target_table == SHADOW


def test_the_retired_table_never_takes_a_name_that_the_other_kind_gives() -> None:
    assert MOVED.retired_name == TableName("s", "_t_del")
    assert ALTERED.retired_name == TableName("s", "t_tranship_old")


def test_keys_are_never_kept_as_the_new_definition_would_have_them() -> None:
    """In an alter the original's key is followed, and it is on the target's server."""
    assert MOVED.placement.key_model == MOVED.target
    assert ALTERED.placement.key_model == ALTERED.source


@pytest.mark.parametrize("stage", sorted(MAY_BE_RETIRED))
def test_an_altered_table_is_never_looked_for_under_its_retired_name(stage: Stage) -> None:
    """That is the sentry's until the swap, and no rows are read after it."""
    assert source_name(stage, ALTERED) == ALTERED.source
    assert source_name(stage, MOVED) == MOVED.retired_name


def test_only_of_a_swapped_table_the_name_is_anothers_from_the_cut_over_on() -> None:
    assert ALTERED.placement.swapped
    assert not MOVED.placement.swapped


# CREATE TABLE under another name


def test_a_table_is_never_created_under_the_name_of_its_source() -> None:
    statement = "CREATE TABLE `t` (\n  `t` int COMMENT 'CREATE TABLE `t`'\n)"
    made = under_name(statement, TableName("s", "t"), TableName("x", "t"))
    assert made == "CREATE TABLE `x`.`t` (\n  `t` int COMMENT 'CREATE TABLE `t`'\n)"


def test_a_statement_that_is_not_understood_is_never_sent() -> None:
    with pytest.raises(DefectError):
        under_name("CREATE TEMPORARY TABLE `t` (", TableName("s", "t"), TableName("x", "t"))
