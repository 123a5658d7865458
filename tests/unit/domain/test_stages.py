"""The rules of the stages, as data: a missing one is a migration that is stuck."""

from __future__ import annotations

import pytest

from pipeline.domain.migration import MigrationTable, source_name
from pipeline.domain.stages import (
    MAY_BE_RETIRED,
    RULES,
    STAGES_THAT_COPY,
    STAGES_THAT_REPAIR,
    STAGES_THAT_VERIFY,
    WRITES_BLOCKED,
    Stage,
    Undo,
    allowed,
    can_abort,
    wants_stream,
)
from pipeline.mysql.table import Column, Key, Table, TableName, ValueKind

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
    """In a move; an alter has recorded that it will let the swap happen, and sees it."""
    assert [stage for stage in Stage if allowed(stage, Stage.SWITCHING)] == [
        Stage.VERIFYING,
        Stage.SWAPPING,
    ]
    assert [stage for stage in Stage if allowed(stage, Stage.SWAPPING)] == [Stage.VERIFYING]


@pytest.mark.parametrize("stage", sorted(Stage))
def test_what_can_be_aborted_can_be_restored(stage: Stage) -> None:
    if can_abort(stage) and stage is not Stage.RESTORING:
        assert allowed(stage, Stage.RESTORING)


@pytest.mark.parametrize("stage", sorted(Stage))
def test_where_tables_are_renamed_an_undo_names_them_back(stage: Stage) -> None:
    undone = RULES[stage].undo in (Undo.RENAME_BACK, Undo.LOOK_FIRST)
    assert undone is (stage in WRITES_BLOCKED)
    assert stage not in WRITES_BLOCKED or stage in MAY_BE_RETIRED


@pytest.mark.parametrize("stage", sorted(STAGES_THAT_VERIFY))
def test_what_verifies_streams(stage: Stage) -> None:
    assert wants_stream(stage)


def test_no_abort_is_promised_while_the_swap_may_have_happened() -> None:
    assert not can_abort(Stage.SWAPPING)


@pytest.mark.parametrize("stage", sorted({Stage.SWITCHING, *ENDS}))
def test_no_abort_from_switching_on_and_none_of_what_has_ended(stage: Stage) -> None:
    assert not can_abort(stage)
    assert not allowed(stage, Stage.RESTORING)


@pytest.mark.parametrize("stage", sorted(set(Stage) - {Stage.SWAPPING, Stage.SWITCHING, *ENDS}))
def test_everything_before_it_can_be_aborted(stage: Stage) -> None:
    assert can_abort(stage)
    assert Stage.ABORTED in reachable(stage)


def test_a_migration_gives_up_only_by_way_of_restoring() -> None:
    for end in (Stage.ABORTED, Stage.FAILED):
        assert [stage for stage in Stage if allowed(stage, end)] == [Stage.RESTORING]


def test_nothing_is_renamed_without_the_intent_first() -> None:
    """I7: a crash after the rename must find BLOCKING, not READY, in the control schema."""
    assert [stage for stage in Stage if allowed(stage, Stage.BLOCKING)] == [Stage.READY]
    assert [stage for stage in Stage if allowed(stage, Stage.DRAINING)] == [Stage.BLOCKING]


def test_a_resume_leads_nowhere_that_takes_the_tables_to_be_renamed() -> None:
    assert RULES[Stage.FAILED].follows & MAY_BE_RETIRED == {Stage.RESTORING}


@pytest.mark.parametrize("stage", sorted(WRITES_BLOCKED - {Stage.RESTORING}))
def test_while_writes_are_refused_nothing_but_restoring_leads_back(stage: Stage) -> None:
    back = RULES[stage].follows - MAY_BE_RETIRED
    assert back <= ({Stage.READY} if stage is Stage.BLOCKING else set())


@pytest.mark.parametrize("stage", sorted(STAGES_THAT_COPY | {Stage.DRAINING}))
def test_what_copies_or_drains_streams(stage: Stage) -> None:
    assert wants_stream(stage)


@pytest.mark.parametrize(
    "stage",
    sorted(
        {Stage.PREPARING, *MAY_BE_RETIRED, Stage.FAILED, *ENDS} - {Stage.BLOCKING, Stage.DRAINING}
    ),
)
def test_no_stream_without_tables_or_past_the_drain(stage: Stage) -> None:
    """The target may have triggers then; past the switch it is the application that writes."""
    assert not wants_stream(stage)
    assert stage not in STAGES_THAT_COPY | STAGES_THAT_VERIFY


@pytest.mark.parametrize("stage", sorted(STAGES_THAT_REPAIR))
def test_nothing_is_repaired_once_the_target_may_be_written_to(stage: Stage) -> None:
    """A repair past the switch would put old rows over the application's."""
    assert can_abort(stage)
    assert allowed(stage, Stage.RESTORING)


def test_copying_and_verifying_are_stages_of_their_own() -> None:
    assert not STAGES_THAT_COPY & STAGES_THAT_VERIFY
    assert not STAGES_THAT_COPY & MAY_BE_RETIRED


@pytest.mark.parametrize("stage", sorted(Stage))
def test_rows_are_read_under_the_name_they_have_on_the_source(stage: Stage) -> None:
    key = Key("PRIMARY", ("id",))
    column = Column("id", ValueKind.INTEGER, "int", "int", nullable=False)
    definition = Table(TableName("s", "t"), (column,), key)
    table = MigrationTable(1, "m", 0, definition, definition.name, 0, 0, False, True, True, 100, "")
    expected = "_t_del" if stage in MAY_BE_RETIRED else "t"
    assert source_name(stage, table) == TableName("s", expected)


@pytest.mark.parametrize("stage", sorted(Stage))
def test_every_stage_says_what_comes_next(stage: Stage) -> None:
    assert RULES[stage].purpose.strip()
