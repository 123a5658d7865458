"""What can't be read counts as over its limit, and near it: such a server is not loaded further."""

from __future__ import annotations

import pytest

from pipeline.domain.reading import Reading, Signal, asked_for_by


@pytest.mark.parametrize(
    ("value", "near", "over"),
    [(79, False, False), (80, True, False), (100, True, True), (None, True, True)],
)
def test_a_reading_is_near_its_limit_before_it_is_over(
    value: float | None, near: bool, over: bool
) -> None:
    reading = Reading(Signal.LOAD, value, 100, server="new", subject="Threads_running")
    assert (reading.near, reading.over) == (near, over)


def test_a_throttle_by_hand_holds_back_whatever_the_servers_say() -> None:
    assert asked_for_by("ann@db1").over
