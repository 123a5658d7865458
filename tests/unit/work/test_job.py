"""The rules of a job: when it is not done, how long it pauses, which error stops a migration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from pipeline.configuration.settings import Throttle
from pipeline.control.throttles import ThrottleState
from pipeline.domain.migration import Failure, MigrationTable
from pipeline.domain.role import Role
from pipeline.domain.stages import (
    STAGES_THAT_COPY,
    STAGES_THAT_VERIFY,
    WRITES_BLOCKED,
    Stage,
)
from pipeline.errors import (
    AmbiguousError,
    DefectError,
    FatalError,
    FencedError,
    RefusedError,
    RetryableError,
)
from pipeline.mysql.table import Column, Key, Table, TableName, ValueKind
from pipeline.work.copy import COPY
from pipeline.work.job import JobContext, JobKind, JobResult, nice_pause_s, obstacle, stop_reason
from pipeline.work.verify import VERIFY, VERIFY_KEYS
from tests.support.examples import MIGRATION

FREE, THROTTLED = ThrottleState(), ThrottleState(manual="somebody")


def context() -> JobContext:
    column = Column("id", ValueKind.INTEGER, "int", "int", nullable=False)
    definition = Table(TableName("s", "t"), (column,), Key("PRIMARY", ("id",)))
    table = MigrationTable(
        1, "m1", 0, definition, definition.name, 0, 0, False, True, True, 100, ""
    )
    return JobContext(cast(Any, None), MIGRATION, table, 7, "worker")


@pytest.mark.parametrize("stage", Stage)
def test_nothing_is_copied_or_verified_in_a_stage_that_does_not_want_it(stage: Stage) -> None:
    """A message may be days old, and the tables renamed since."""
    migration = replace(MIGRATION, stage=stage)
    for kind, wanted in (
        (COPY, STAGES_THAT_COPY),
        (VERIFY, STAGES_THAT_VERIFY),
        (VERIFY_KEYS, STAGES_THAT_VERIFY),
    ):
        expected = None if stage in wanted else JobResult.NOT_WANTED
        assert obstacle(kind, migration, FREE) is expected


@pytest.mark.parametrize("kind", [COPY, VERIFY, VERIFY_KEYS])
def test_nothing_goes_on_for_a_migration_that_has_failed(kind: Any) -> None:
    for stage in kind.stages:
        failed = replace(MIGRATION, stage=stage, failure=Failure(Role.COPY, "why", ""))
        assert obstacle(kind, failed, THROTTLED) is JobResult.NOT_WANTED


def test_nothing_that_a_throttle_holds_back_keeps_the_application_waiting() -> None:
    for kind in (COPY, VERIFY, VERIFY_KEYS):
        assert not kind.stages & WRITES_BLOCKED
        for stage in kind.stages:
            held_back = obstacle(kind, replace(MIGRATION, stage=stage), THROTTLED)
            assert held_back is JobResult.THROTTLED


@pytest.mark.parametrize(
    ("kind", "ratio", "busy_ratio", "gives_way", "pause_s"),
    [
        (COPY, 0, 1, False, 0),
        (COPY, 0.5, 1, False, 1.5),
        (COPY, 0, 0.5, True, 1),
        (COPY, 0, 15, True, 3),  # of that nobody has asked for
        (VERIFY, 0, 15, True, 2),  # meanwhile touched keys wait for a worker
        (VERIFY_KEYS, 0, 15, True, 0),  # it might never come to the end of what others write
        (COPY, 2, 1, True, 6),  # a person has asked for more
        (COPY, 0, 0, True, 0),
        (COPY, 100, 1, False, 60),  # a worker asleep for an hour would seem to hang
    ],
)
def test_a_pause_is_as_long_as_was_asked_for_and_bounded(
    kind: JobKind, ratio: float, busy_ratio: float, gives_way: bool, pause_s: float
) -> None:
    limits = Throttle(nice_ratio=ratio, busy_nice_ratio=busy_ratio)
    assert nice_pause_s(kind, limits, 3, 2, gives_way=gives_way) == pause_s


@pytest.mark.parametrize(
    "error", [FatalError("f"), RefusedError("r"), DefectError("d"), AmbiguousError("a")]
)
def test_what_time_does_not_heal_stops_the_migration_at_once(error: Exception) -> None:
    assert stop_reason(COPY, error, context(), attempts=1, limit=10) is error


@pytest.mark.parametrize("error", [RetryableError("deadlock"), KeyError("a defect")])
@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (COPY, "Copying chunk 7 of s.t"),
        (VERIFY, "Verifying chunk 7 of s.t"),
        (VERIFY_KEYS, "Verifying the touched keys of s.t"),
    ],
)
def test_temporary_trouble_and_a_defect_stop_it_only_when_they_do_not_pass(
    kind: JobKind, what: str, error: Exception
) -> None:
    assert stop_reason(kind, error, context(), attempts=9, limit=10) is None
    reason = stop_reason(kind, error, context(), attempts=10, limit=10)
    assert reason is not None
    assert reason.explanation == f"{what} failed 10 times, last with: {error}"
    assert "tranship resume m1" in reason.remedy


def test_being_fenced_out_stops_nothing_however_often_it_happens() -> None:
    assert stop_reason(COPY, FencedError("newer"), context(), attempts=99, limit=10) is None


def test_only_what_somebody_should_look_into_is_a_failure() -> None:
    assert {result for result in JobResult if result.failed} == {
        JobResult.STOPPED,
        JobResult.FAILED,
    }
