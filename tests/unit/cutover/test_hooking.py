"""What a hook is told: a variable that is documented and not set sends writes nowhere."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from pipeline.control.records import Kind as MigrationKind
from pipeline.control.records import Migration, Moved, Options, Stage
from pipeline.coordinate.context import Context
from pipeline.cutover.hooking import _variables, hook
from pipeline.cutover.hooks import BEFORE_CUT_OVER, ON_SUCCESS
from pipeline.mysql.table import Column, Key, Kind, Table, TableName

_README = Path(__file__).resolve().parents[3] / "README.md"
_NOW = datetime(2020, 1, 1)
MIGRATION = Migration(
    id="m1", kind=MigrationKind.MOVE, source="old", target="new",
    stage=Stage.SWITCHING, stage_since=_NOW,
    resume_stage=None, after_restore=None, options=Options(), postponed=False, abort_asked=False,
    attempt=3, retry_at=None, rename_connection=None, lock_connection=None,
    first_attempt_at=None, held_s=None, renamed_at=None,
    drain_gtids="aaaaaaaa-0000-0000-0000-000000000001:1-9", failure=None, created_at=_NOW,
    created_by="who", cleaned_at=None, now=_NOW,
)  # fmt: skip


def moved(number: int, source: TableName, target: TableName) -> Moved:
    column = Column("id", Kind.INTEGER, "int", "int", nullable=False)
    table = Table(source, (column,), Key("PRIMARY", ("id",)))
    return Moved(number, "m1", number, table, target, 0, 0, False, True, True, 100)


def context(migration: Migration = MIGRATION) -> Context:
    tables = [
        moved(0, TableName("a", "t"), TableName("b", "t")),
        moved(1, TableName("a", "u"), TableName("b", "u")),
    ]
    nothing = cast(Any, None)
    return Context(nothing, "new", nothing, nothing, migration, tables)


def test_the_variables_are_those_that_the_documentation_names() -> None:
    paragraph = re.search(r"\*\*Hooks\*\*.*?\n\n", _README.read_text(), re.DOTALL)
    assert paragraph is not None
    documented = set(re.findall(r"`(TRANSHIP_\w+)`", paragraph[0]))
    assert set(_variables(context(), ON_SUCCESS, 1)) == documented


def test_a_hook_learns_what_moved_where_and_how_often_it_was_asked() -> None:
    assert _variables(context(), BEFORE_CUT_OVER, 2) == {
        "TRANSHIP_HOOK": "before-cut-over",
        "TRANSHIP_HOOK_ATTEMPT": "2",
        "TRANSHIP_MIGRATION": "m1",
        "TRANSHIP_TABLES": "a.t,a.u",
        "TRANSHIP_TARGET_TABLES": "b.t,b.u",
        "TRANSHIP_SOURCE": "old",
        "TRANSHIP_TARGET": "new",
        "TRANSHIP_CUT_OVER_ATTEMPT": "3",
        "TRANSHIP_DRAIN_GTIDS": "aaaaaaaa-0000-0000-0000-000000000001:1-9",
    }


def test_before_the_rename_there_are_no_drain_gtids_and_the_variable_is_empty() -> None:
    early = context(replace(MIGRATION, drain_gtids=None))
    assert _variables(early, BEFORE_CUT_OVER, 1)["TRANSHIP_DRAIN_GTIDS"] == ""


def test_without_a_hook_nothing_is_run_or_recorded() -> None:
    assert hook(context(), ON_SUCCESS) is None
