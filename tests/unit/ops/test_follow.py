"""How `--wait` and `--watch` end: a script goes on only where what it asked for has happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ops.cli.exits import ExitCode
from ops.cli.follow import outcome
from pipeline.domain.migration import Failure
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage
from tests.support.progress import copying

FAILURE = Failure(Role.COORDINATE, "The tables are held.", "End who holds them.")


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        (Stage.DONE, ExitCode.OK), (Stage.ABORTED, ExitCode.FAILED),
        (Stage.FAILED, ExitCode.FAILED), (Stage.READY, None), (Stage.SWITCHING, None),
    ],
)  # fmt: skip
def test_a_cut_over_that_has_not_happened_is_no_success(
    stage: Stage, code: ExitCode | None
) -> None:
    assert outcome(replace(copying(), stage=stage), wanted=Stage.DONE) is code


def test_tables_that_can_t_be_given_back_end_the_waiting() -> None:
    """Nobody would look at it, while the application has no table."""
    restoring = replace(copying(), stage=Stage.RESTORING, failure=FAILURE)
    assert outcome(restoring, wanted=Stage.DONE) is None
    late = replace(restoring, now=restoring.since + timedelta(minutes=2))
    assert outcome(late, wanted=Stage.DONE) is ExitCode.PERSON
