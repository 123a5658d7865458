"""An attempt whose last rename can't happen ends; it must not keep both servers' tables away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.control.stage_change import StageChange
from pipeline.cutover.decisions import turned_back
from pipeline.domain.migration import Failure
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage
from tests.support.examples import MIGRATION

NOW = MIGRATION.now
SWAPPING = replace(MIGRATION, stage=Stage.SWAPPING, attempt=1)


@pytest.mark.parametrize(
    ("blocked_s", "then"),
    [
        (29, None),
        (31, StageChange(after_restore=Stage.READY, retry_at=NOW + timedelta(seconds=60))),
    ],
)
def test_after_the_limit_it_is_tried_again_later(blocked_s: float, then: StageChange) -> None:
    blocked = replace(SWAPPING, blocked_at=NOW - timedelta(seconds=blocked_s))
    assert turned_back(blocked, limit_s=30, retry_s=60) == then


def test_a_failure_ends_it_at_once() -> None:
    failed = replace(SWAPPING, blocked_at=NOW, failure=Failure(Role.COORDINATE, "why", "what"))
    found = turned_back(failed, limit_s=30, retry_s=60)
    assert found == StageChange(after_restore=Stage.FAILED, resume_stage=Stage.READY)
