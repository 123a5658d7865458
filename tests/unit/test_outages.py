"""An outage is two lines, however often somebody tries in between."""

from __future__ import annotations

import logging

import pytest

from pipeline.outages import Outages


class Clock:
    """Seconds that a test lets pass."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outages(clock: Clock) -> Outages:
    return Outages(logging.getLogger("outages"), clock)


def test_an_hour_of_tries_is_one_line_when_it_goes_and_one_when_it_is_back(
    outages: Outages, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3600):
        outages.lost("server old", "it does not answer")
        clock.now += 1
    outages.back("server old")
    outages.back("server old")
    assert caplog.messages == ["server old: it does not answer", "server old: back after 3600 s"]


def test_another_cause_is_said_for_it_needs_another_remedy(
    outages: Outages, caplog: pytest.LogCaptureFixture
) -> None:
    for why in ("it does not answer", "wrong password", "wrong password"):
        outages.lost("server old", why)
    assert caplog.messages == ["server old: it does not answer", "server old: wrong password"]


def test_what_is_over_at_once_is_one_line(
    outages: Outages, caplog: pytest.LogCaptureFixture
) -> None:
    outages.lost("jobs", "deadlock")
    outages.back("jobs")
    assert caplog.messages == ["jobs: deadlock"]


def test_it_is_tried_less_often_and_never_later_than_after_four_seconds(
    outages: Outages, clock: Clock
) -> None:
    assert outages.is_due("server old")
    assert [outages.lost("server old", "gone") for _ in range(4)] == [1, 2, 4, 4]
    clock.now = 3.9
    assert not outages.is_due("server old")
    assert outages.is_due("server new")
    clock.now = 4.0
    assert outages.is_due("server old")
    outages.lost("server old", "gone")
    outages.back("server old")
    assert outages.is_due("server old")
