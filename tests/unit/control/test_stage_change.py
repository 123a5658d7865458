"""A change of stage: what it does not name stays, and what it names as None becomes NULL."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime

from pipeline.control.schema import migrations
from pipeline.control.stage_change import NOTHING_ELSE, StageChange
from pipeline.domain.stages import Stage


def test_what_is_not_named_is_left_as_it_is() -> None:
    assert NOTHING_ELSE.values() == {}
    assert StageChange(attempt=3).values() == {"attempt": 3}


def test_none_makes_a_column_null() -> None:
    assert StageChange(after_restore=None, blocked_at=None).values() == {
        "after_restore": None, "blocked_at": None
    }  # fmt: skip


def test_a_value_is_written_as_it_is() -> None:
    again = datetime(2026, 1, 1, tzinfo=UTC)
    change = StageChange(after_restore=Stage.READY, retry_at=again, attempt=0)
    assert change.values() == {"after_restore": Stage.READY, "retry_at": again, "attempt": 0}


def test_every_field_is_a_column_and_none_is_the_stage_itself() -> None:
    names = {field.name for field in fields(StageChange)}
    assert names < set(migrations.columns.keys())
    assert not names & {"stage", "stage_since", "id"}
