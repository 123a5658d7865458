"""A window goes by the wall clock: past midnight, and on days when the clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.window import Window
from pipeline.errors import RefusedError

BERLIN = Window.parse("02:00-04:00 Europe/Berlin")


@pytest.mark.parametrize(
    ("utc", "inside"),
    [
        ("2026-01-10 00:59", False), ("2026-01-10 01:00", True), ("2026-01-10 02:59", True),
        ("2026-01-10 03:00", False), ("2026-07-10 00:00", True), ("2026-07-10 02:00", False),
    ],
)  # fmt: skip
def test_it_follows_the_clock_of_its_place_in_winter_and_summer(utc: str, inside: bool) -> None:
    assert BERLIN.contains(datetime.fromisoformat(f"{utc}Z")) is inside


def minutes(window: Window, day: str) -> int:
    start = datetime.fromisoformat(f"{day}Z")
    return sum(window.contains(start + timedelta(minutes=each)) for each in range(24 * 60))


def test_a_clock_change_makes_it_shorter_or_longer_but_never_missing() -> None:
    assert minutes(BERLIN, "2026-03-28 12:00") == 60  # 02:00 becomes 03:00
    assert minutes(BERLIN, "2026-10-24 12:00") == 180  # 02:00 to 03:00 comes twice
    assert minutes(BERLIN, "2026-05-05 12:00") == 120


def test_it_may_go_past_midnight() -> None:
    night = Window.parse("22:30-01:00")
    assert night.contains(datetime(2026, 1, 1, 23, 0, tzinfo=UTC))
    assert night.contains(datetime(2026, 1, 1, 0, 59, tzinfo=UTC))
    assert not night.contains(datetime(2026, 1, 1, 1, 0, tzinfo=UTC))
    assert not night.contains(datetime(2026, 1, 1, 22, 29, tzinfo=UTC))


@pytest.mark.parametrize(
    "text", ["", "2-4", "02:00", "25:00-26:00", "02:00-04:00 Mars/Base", "02:00-02:00", "a-b c"]
)
def test_what_is_not_a_window_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        Window.parse(text)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))
def test_it_opens_at_a_moment_that_is_in_it_and_not_before_now(now: datetime) -> None:
    opens = BERLIN.opens(now)
    assert BERLIN.contains(opens)
    assert now <= opens < now + timedelta(days=2)
    assert (opens == now) is BERLIN.contains(now)
