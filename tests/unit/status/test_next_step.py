"""What is missing comes before what is going on: `status` is read when a migration stands still."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.domain.migration import Failure
from pipeline.domain.reading import asked_for_by
from pipeline.domain.request import MigrationKind
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage
from pipeline.status.next_step import StatusFacts, next_step
from tests.support.readings import READINGS

CALM = StatusFacts(
    id="m1", kind=MigrationKind.MOVE, source="old", target="new", stage=Stage.COPYING,
    after_restore=None, postponed=False, window=None, failure=None, throttled=(),
    chunks_left=3, planned=True, dirty=4, never_verified=5, touched=6, touched_limit=1000,
    waiting_s=0, lag_s=0, lag_limit_s=1, stream_alive=True, coordinated_s_ago=0.5, stage_s=60,
    retry_s=0, refused_s=0, refused_limit_s=60,
)  # fmt: skip
WATCH = "tranship status m1 --watch"


def command(**facts: Any) -> str:
    return next_step(replace(CALM, **facts)).command


def sentence(**facts: Any) -> str:
    return next_step(replace(CALM, **facts)).sentence


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, WATCH),
        ({"coordinated_s_ago": 11}, "tranship worker coordinate"),
        ({"coordinated_s_ago": None}, "tranship worker coordinate"),
        ({"coordinated_s_ago": None, "stage_s": 1}, WATCH),  # started a moment ago
        ({"stream_alive": False}, "tranship worker stream"),
        ({"stream_alive": False, "stage_s": 1}, WATCH),
        ({"stream_alive": False, "stage_s": 1, "stage": Stage.READY}, "tranship worker stream"),
        ({"stream_alive": False, "stage": Stage.PREPARING}, WATCH),  # it needs none
        ({"waiting_s": 16}, "tranship worker copy"),
    ],
)
def test_a_process_that_is_missing_is_to_be_started(facts: dict[str, Any], expected: str) -> None:
    assert command(**facts) == expected


def test_the_coordinator_comes_first_for_it_asks_for_all_others() -> None:
    nothing_runs = {"coordinated_s_ago": 99, "stream_alive": False, "waiting_s": 99}
    assert command(**nothing_runs) == "tranship worker coordinate"
    assert command(**nothing_runs, throttled=READINGS) == "tranship worker coordinate"


def test_what_holds_it_back_is_named_with_its_value() -> None:
    said = sentence(throttled=READINGS[:2])
    assert "lag of replica-1 is 12.5 s, the limit 10 s; Threads_running on new" in said


def test_only_what_a_person_asked_for_is_taken_back_by_a_person() -> None:
    assert command(throttled=READINGS[:1]) == WATCH
    assert command(throttled=(READINGS[0], asked_for_by("ann"))) == "tranship unthrottle m1"


@pytest.mark.parametrize("stage", [Stage.DRAINING, Stage.VERIFYING, Stage.SWITCHING])
def test_a_cut_over_under_way_is_not_held_back(stage: Stage) -> None:
    assert sentence(stage=stage, throttled=READINGS) == sentence(stage=stage)


@pytest.mark.parametrize(
    ("kind", "stage"),
    [
        (kind, stage)
        for kind in MigrationKind
        for stage in Stage
        if (kind, stage) != (MigrationKind.MOVE, Stage.SWAPPING)  # a stage of alters alone
    ],
)
def test_no_stage_is_without_a_sentence(kind: MigrationKind, stage: Stage) -> None:
    assert sentence(kind=kind, stage=stage)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"postponed": True, "window": "02:00-04:00 UTC"}, "postponed"),
        ({"window": "02:00-04:00 UTC", "retry_s": 30}, "its window, 02:00-04:00 UTC"),
        ({"retry_s": 30, "lag_s": 9}, "in 30 s"),
        ({"lag_s": 9}, "9.0 s"),
        ({}, "6 changed rows"),
    ],
)
def test_a_cut_over_that_does_not_begin_says_what_it_waits_for(
    facts: dict[str, Any], reason: str
) -> None:
    assert reason in sentence(stage=Stage.READY, **facts)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"stage": Stage.READY, "postponed": True}, "tranship cut-over m1"),
        ({"stage": Stage.FAILED}, "tranship resume m1"),
        ({"stage": Stage.DONE}, "tranship clean-up m1"),
        ({"stage": Stage.ABORTED}, "tranship clean-up m1"),
        ({"stage": Stage.DONE, "coordinated_s_ago": 9999}, "tranship clean-up m1"),
    ],
)
def test_what_waits_for_a_person_says_with_which_command(
    facts: dict[str, Any], expected: str
) -> None:
    assert command(**facts) == expected


def test_a_table_that_is_given_back_says_why_and_what_then() -> None:
    failure = Failure(Role.CHECKSUM, "Rows differ.", "")
    said = sentence(stage=Stage.RESTORING, failure=failure, after_restore=Stage.FAILED)
    assert said == "old gets its tables back, then: failed (Rows differ.)"
