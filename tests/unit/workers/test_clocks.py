"""A worker's clock is compared with ours: messages that expire too early are lost in silence."""

from __future__ import annotations

import pytest

from workers.roll_call import clock_ahead_s


@pytest.mark.parametrize(
    ("told", "ahead_s"), [(100.0, 0), (100.7, 0), (101.0, 0), (126.0, 25), (70.0, -30)]
)
def test_only_what_the_time_of_the_question_does_not_explain_is_a_difference(
    told: float, ahead_s: float
) -> None:
    assert clock_ahead_s(told, asked_at=100.0, answered_at=101.0) == ahead_s
