"""The rules of the stages, as data: a missing one is a migration that is stuck."""

from __future__ import annotations

import pytest

from pipeline.control.records import Stage
from pipeline.cutover.stages import (
    AFTER_RENAME,
    RENAMED,
    RULES,
    STAGES_THAT_VERIFY,
    Undo,
    allowed,
    can_abort,
    wants_stream,
)

ENDS = {Stage.DONE, Stage.ABORTED}


def reachable(start: Stage) -> set[Stage]:
    found, left = {start}, [start]
    while left:
        new = RULES[left.pop()].follows - found
        found |= new
        left += new
    return found


def test_every_stage_has_a_rule_and_is_reached() -> None:
    assert set(RULES) == set(Stage)
    assert reachable(Stage.PREPARING) == set(Stage)


@pytest.mark.parametrize("stage", sorted(set(Stage) - ENDS))
def test_no_stage_is_a_dead_end(stage: Stage) -> None:
    assert reachable(stage) & ENDS


@pytest.mark.parametrize("stage", sorted(ENDS))
def test_nothing_follows_an_end(stage: Stage) -> None:
    assert RULES[stage].follows == frozenset()


def test_past_the_point_of_no_return_there_is_only_forward() -> None:
    assert reachable(Stage.SWITCHING) == {Stage.SWITCHING, Stage.DONE}
    assert not can_abort(Stage.SWITCHING)


def test_only_the_proof_leads_past_it() -> None:
    assert [stage for stage in Stage if allowed(stage, Stage.SWITCHING)] == [Stage.VERIFYING]


@pytest.mark.parametrize("stage", sorted(Stage))
def test_what_can_be_aborted_can_be_restored(stage: Stage) -> None:
    if can_abort(stage) and stage is not Stage.RESTORING:
        assert allowed(stage, Stage.RESTORING)


@pytest.mark.parametrize("stage", sorted(Stage))
def test_where_tables_are_renamed_an_undo_names_them_back(stage: Stage) -> None:
    assert (RULES[stage].undo is Undo.RENAME_BACK) is (stage in RENAMED)
    assert stage not in RENAMED or stage in AFTER_RENAME


@pytest.mark.parametrize("stage", sorted(STAGES_THAT_VERIFY))
def test_what_verifies_streams(stage: Stage) -> None:
    assert wants_stream(stage)
