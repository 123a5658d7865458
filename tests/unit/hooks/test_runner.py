"""What a hook is told: a variable that is documented and not set sends writes nowhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from pipeline.domain.hook_names import CONTRACTS, VARIABLES, Hook, hook_named
from pipeline.domain.migration import Failure, Migration, MigrationTable
from pipeline.domain.request import MoveRequest
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError
from pipeline.hooks.runner import ask, require, tell_once, variables
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.table import Column, Key, Table, TableName, ValueKind
from pipeline.step.context import Context

_NOW = datetime(2020, 1, 1, tzinfo=UTC)
REQUEST = MoveRequest(
    source="old", target="new", tables=(TableName("a", "t"), TableName("a", "u")), target_schema="b"
)
MIGRATION = Migration(
    id="m1", source="old", target="new",
    stage=Stage.SWITCHING, stage_since=_NOW,
    resume_stage=None, after_restore=None, request=REQUEST, postponed=False, abort_asked=False,
    attempt=3, retry_at=None, rename_connection=None, lock_connection=None, ddl_connection=None,
    first_attempt_at=None, blocked_at=None,
    drain_gtids=GtidSet.parse("aaaaaaaa-0000-0000-0000-000000000001:1-9"),
    way_back_start=None, log_search=None, failure=None,
    created_at=_NOW, created_by="who", cleaned_at=None, now=_NOW,
)  # fmt: skip


def table(number: int, source: TableName, target: TableName) -> MigrationTable:
    column = Column("id", ValueKind.INTEGER, "int", "int", nullable=False)
    table = Table(source, (column,), Key("PRIMARY", ("id",)))
    return MigrationTable(number, "m1", number, table, target, 0, 0, False, True, True, 100, "")


def context(migration: Migration = MIGRATION) -> Context:
    tables = [
        table(0, TableName("a", "t"), TableName("b", "t")),
        table(1, TableName("a", "u"), TableName("b", "u")),
    ]
    nothing = cast(Any, None)
    return Context(nothing, "new", nothing, nothing, migration, tables)


def test_the_variables_are_those_that_are_documented() -> None:
    told = {*variables(context(), Hook.ON_SUCCESS), "TRANSHIP_HOOK_ATTEMPT"}
    assert told == set(VARIABLES)


def test_a_hook_learns_what_moved_where_and_how_often_it_was_begun() -> None:
    assert variables(context(), Hook.BEFORE_CUT_OVER) == {
        "TRANSHIP_HOOK": "before-cut-over",
        "TRANSHIP_MIGRATION": "m1",
        "TRANSHIP_KIND": "move",
        "TRANSHIP_DIRECTION": "forward",
        "TRANSHIP_STAGE": "switching",
        "TRANSHIP_TABLES": "a.t,a.u",
        "TRANSHIP_TARGET_TABLES": "b.t,b.u",
        "TRANSHIP_SOURCE": "old",
        "TRANSHIP_TARGET": "new",
        "TRANSHIP_CREATED_BY": "who",
        "TRANSHIP_CUT_OVER_ATTEMPT": "3",
        "TRANSHIP_DRAIN_GTIDS": "aaaaaaaa-0000-0000-0000-000000000001:1-9",
        "TRANSHIP_FAILURE": "",
    }


def test_before_the_rename_there_are_no_drain_gtids_and_the_variable_is_empty() -> None:
    early = context(replace(MIGRATION, drain_gtids=None))
    assert variables(early, Hook.BEFORE_CUT_OVER)["TRANSHIP_DRAIN_GTIDS"] == ""


def test_why_a_migration_failed_is_told() -> None:
    failed = context(
        replace(MIGRATION, failure=Failure(Role.COPY, "The disk is full.", "Make room."))
    )
    assert variables(failed, Hook.ON_FAILURE)["TRANSHIP_FAILURE"] == "The disk is full."


def test_without_a_hook_nothing_is_run_or_recorded() -> None:
    assert ask(context(), Hook.ON_SUCCESS) is None
    require(context(), Hook.STARTUP)
    tell_once(context(), Hook.ROW_COPY_COMPLETE)


def test_every_hook_says_when_it_runs_and_what_its_failure_means() -> None:
    assert set(CONTRACTS) == set(Hook)


@pytest.mark.parametrize(
    ("text", "hook"),
    [
        ("startup", Hook.STARTUP),
        ("on-success", Hook.ON_SUCCESS),
        ("success", Hook.ON_SUCCESS),
        ("failure", Hook.ON_FAILURE),
    ],
)
def test_a_hook_is_known_by_its_name_with_and_without_on(text: str, hook: Hook) -> None:
    assert hook_named(text) is hook


@pytest.mark.parametrize("text", ["on-startup", "on-succes", ""])
def test_a_misspelt_hook_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(RefusedError, match="There are: startup, validated"):
        hook_named(text)
