"""Stage × abort × failure × overdue → what the coordinator does: the complete table.

A migration that diverts too late undoes a switch that the application knows of; one that does
not divert keeps the source's tables away.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.coordinate.advance import STEPS
from pipeline.coordinate.decisions import (
    Diversion,
    after_failure,
    after_trouble,
    diversion,
    resume_stage,
    time_in_step_s,
)
from pipeline.domain.migration import Failure, Migration
from pipeline.domain.request import MigrationKind, way_back_of
from pipeline.domain.role import Role
from pipeline.domain.stages import RULES, WRITES_BLOCKED, Stage, Undo, allowed
from pipeline.errors import DefectError
from pipeline.step.context import Outcome
from tests.support.examples import MIGRATION, MOVE

LIMIT_S, RETRY_S = 30.0, 10.0
FAILURE = Failure(Role.STREAM, "The binary log is gone.", "Start again.")
ENDED = (Stage.DONE, Stage.ABORTED, Stage.FAILED)
BEFORE_CUT_OVER = (Stage.PREPARING, Stage.COPYING, Stage.CONVERGING, Stage.READY)
LIMITED = (Stage.DRAINING, Stage.VERIFYING)
# Nothing but their own step leads out of these.
UNDIVERTED = (Stage.SWAPPING, Stage.SWITCHING, *ENDED)
DIVERTED = (*BEFORE_CUT_OVER, Stage.BLOCKING, *LIMITED, Stage.RESTORING)

TO_ABORTED = Diversion("abort was asked for", Stage.ABORTED)
LATE = {
    Stage.DRAINING: "the target did not catch up within 30 s",
    Stage.VERIFYING: "the proof was not complete within 30 s",
}


def to_failed(stage: Stage) -> Diversion:
    resume = stage if stage in BEFORE_CUT_OVER else Stage.READY
    return Diversion(FAILURE.explanation, Stage.FAILED, resume_stage=resume)


def again(stage: Stage) -> Diversion:
    at = MIGRATION.now + timedelta(seconds=RETRY_S)
    return Diversion(LATE[stage], Stage.READY, retry_at=at)


def expected(stage: Stage, abort: bool, failed: bool, overdue: bool) -> Diversion | None:
    """The table. An abort comes first, then the application that waits, then the failure."""
    if stage in UNDIVERTED:
        return None
    if abort:
        return TO_ABORTED
    if stage is Stage.RESTORING:
        return None
    if overdue and stage in LIMITED:
        return again(stage)
    return to_failed(stage) if failed else None


def migration(stage: Stage, *, abort: bool, failed: bool, blocked_s: float) -> Migration:
    blocked = None if stage in BEFORE_CUT_OVER else MIGRATION.now - timedelta(seconds=blocked_s)
    return replace(
        MIGRATION, stage=stage, abort_asked=abort, failure=FAILURE if failed else None,
        attempt=1, blocked_at=blocked,
    )  # fmt: skip


@pytest.mark.parametrize("overdue", [False, True])
@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize("abort", [False, True])
@pytest.mark.parametrize("stage", Stage)
def test_what_comes_before_the_step_of_a_stage(
    stage: Stage, abort: bool, failed: bool, overdue: bool
) -> None:
    now = migration(stage, abort=abort, failed=failed, blocked_s=31 if overdue else 29)
    assert diversion(now, LIMIT_S, RETRY_S) == expected(stage, abort, failed, overdue)


def test_the_table_has_every_stage() -> None:
    assert set(UNDIVERTED) | set(DIVERTED) == set(Stage)
    assert not set(UNDIVERTED) & set(DIVERTED)


def every_diversion(stage: Stage) -> list[Diversion]:
    flags = (False, True)
    found = [
        diversion(migration(stage, abort=a, failed=f, blocked_s=s), LIMIT_S, RETRY_S)
        for a in flags
        for f in flags
        for s in (0, 3600)
    ]
    return [one for one in found if one is not None]


@pytest.mark.parametrize(
    "stage",
    [stage for stage in Stage if RULES[stage].undo in (Undo.IMPOSSIBLE, Undo.LOOK_FIRST)],
)
def test_past_the_point_of_no_return_nothing_diverts(stage: Stage) -> None:
    assert every_diversion(stage) == []


@pytest.mark.parametrize("stage", Stage)
def test_no_diversion_leads_where_the_rules_do_not(stage: Stage) -> None:
    for found in every_diversion(stage):
        assert allowed(stage, Stage.RESTORING)
        assert allowed(Stage.RESTORING, found.after_restore)
        if found.after_restore is Stage.FAILED:
            assert found.resume_stage is not None
            assert allowed(Stage.FAILED, found.resume_stage)


@pytest.mark.parametrize("stage", DIVERTED)
def test_an_abort_before_it_always_ends_aborted(stage: Stage) -> None:
    for failed in (False, True):
        for blocked_s in (0, 3600):
            now = migration(stage, abort=True, failed=failed, blocked_s=blocked_s)
            assert diversion(now, LIMIT_S, RETRY_S) == TO_ABORTED


@pytest.mark.parametrize("stage", LIMITED)
def test_writes_are_blocked_no_longer_than_the_limit_says(stage: Stage) -> None:
    for blocked_s, diverts in ((29.9, False), (30.0, False), (30.1, True)):
        now = migration(stage, abort=False, failed=False, blocked_s=blocked_s)
        assert (diversion(now, LIMIT_S, RETRY_S) is not None) is diverts


@pytest.mark.parametrize("stage", LIMITED)
def test_a_cut_over_that_does_not_know_since_when_is_a_defect(stage: Stage) -> None:
    with pytest.raises(DefectError, match="when writes were stopped"):
        diversion(replace(MIGRATION, stage=stage), LIMIT_S, RETRY_S)


@pytest.mark.parametrize("stage", DIVERTED)
def test_a_failed_cut_over_begins_again_from_ready(stage: Stage) -> None:
    """A resume into DRAINING would wait for a rename that was undone."""
    assert resume_stage(stage) is (stage if stage in BEFORE_CUT_OVER else Stage.READY)
    assert resume_stage(stage) not in WRITES_BLOCKED


@pytest.mark.parametrize("stage", Stage)
def test_temporary_trouble_does_not_keep_the_application_waiting_for_the_next_tick(
    stage: Stage,
) -> None:
    assert after_trouble(stage) is (Outcome.POLL if stage in WRITES_BLOCKED else Outcome.WAIT)


@pytest.mark.parametrize("stage", Stage)
def test_a_failure_is_acted_on_at_once_but_not_again_and_again(stage: Stage) -> None:
    assert after_failure(stage, first=False) is Outcome.WAIT
    at_once = Outcome.WAIT if stage is Stage.RESTORING else Outcome.ADVANCED
    assert after_failure(stage, first=True) is at_once


@pytest.mark.parametrize("stage", Stage)
def test_while_writes_are_blocked_the_coordinator_stays_until_the_limit(stage: Stage) -> None:
    stays_s = time_in_step_s(stage, budget_s=10, limit_s=LIMIT_S)
    assert stays_s == (40 if stage in WRITES_BLOCKED else 10)


@pytest.mark.parametrize("kind", MigrationKind)
@pytest.mark.parametrize("stage", Stage)
def test_every_stage_that_has_not_ended_has_a_step(kind: MigrationKind, stage: Stage) -> None:
    """One without would stand still for ever, where it is."""
    assert (stage in STEPS[kind]) is not (stage in ENDED)


@pytest.mark.parametrize("stage", [Stage.READY, Stage.BLOCKING, Stage.SWITCHING])
@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("left_s", [1, -1])
def test_a_way_back_ends_with_its_time_unless_somebody_has_asked_for_it(
    stage: Stage, asked: bool, left_s: float
) -> None:
    open_back = way_back_of(MOVE, "m0", MIGRATION.now + timedelta(seconds=left_s))
    assert open_back.back is not None
    back = replace(
        migration(stage, abort=False, failed=False, blocked_s=0),
        request=replace(open_back, back=replace(open_back.back, asked=asked)), postponed=True,
    )  # fmt: skip
    found = diversion(back, LIMIT_S, RETRY_S)
    over = stage is Stage.READY and left_s < 0 and not asked
    assert (found is not None and found.after_restore is Stage.ABORTED) is over
