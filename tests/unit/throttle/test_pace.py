"""Chunks in flight follow the servers' health, and give way to the stream without ever ending."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.control.throttles import ThrottleState
from pipeline.domain.reading import Reading, Signal
from pipeline.throttle.pace import Pace, next_pace
from tests.support.readings import NOW

CALM = Reading(Signal.LOAD, 10, 100)
NEAR = Reading(Signal.LOAD, 85, 100)
SILENT = Reading(Signal.LOAD, None, 100, trouble="no answer")
FULL = Pace(16)


def paces(*lags: float, begin: Pace = FULL, found: tuple[Reading, ...] = (CALM,)) -> list[Pace]:
    """The pace after each second, with these lags, where the stream yields at 2 s."""
    seen = [begin]
    for lag_s in lags:
        seen.append(next_pace(seen[-1], 16, found, lag_s, 2.0))
    return seen[1:]


def test_near_a_limit_the_window_is_halved_down_to_one() -> None:
    seen = paces(0, 0, 0, 0, 0, 0, found=(CALM, NEAR))
    assert [one.window for one in seen] == [8, 4, 2, 1, 1, 1]


def test_far_from_every_limit_it_grows_again_up_to_what_is_configured() -> None:
    assert paces(*[0] * 30, begin=Pace(1))[-1] == FULL


def test_a_signal_that_can_t_be_read_narrows_it_too() -> None:
    assert paces(0, found=(CALM, SILENT)) == [Pace(8)]


@pytest.mark.parametrize(
    ("before", "lag_s", "after"),
    [
        (FULL, 0.0, FULL),
        (FULL, 1.9, FULL),  # it slows down at its limit, not near it
        (FULL, 2.0, Pace(1, slowed=True)),
        (FULL, 1e6, Pace(1, slowed=True)),
        (Pace(1, slowed=True), 9.0, Pace(1, slowed=True)),
        (Pace(1, slowed=True), 1.0, Pace(1, slowed=True)),  # or it would swing
        (Pace(1, slowed=True), 0.9, Pace(2, slowed=True)),
        (Pace(12, slowed=True), 0.9, Pace(15, slowed=True)),
        (Pace(12, slowed=True), 1.5, Pace(12, slowed=True)),
        (Pace(12, slowed=True), 2.5, Pace(1, slowed=True)),
        (Pace(15, slowed=True), 0.0, FULL),
    ],
)
def test_the_stream_comes_first(before: Pace, lag_s: float, after: Pace) -> None:
    assert paces(lag_s, begin=before) == [after]


def test_it_is_slowed_down_until_as_many_chunks_are_in_flight_as_before() -> None:
    seen = paces(2.5, 2.5, *[0.2] * 12)
    assert [one.slowed for one in seen] == [one.window < 16 for one in seen]
    assert seen[-1] == FULL


def test_a_window_of_one_is_not_called_slowed_down_for_ever() -> None:
    slowed = next_pace(Pace(1), 1, (CALM,), 3.0, 2.0)
    assert slowed == Pace(1, slowed=True)
    assert next_pace(slowed, 1, (CALM,), 0.0, 2.0) == Pace(1)


@given(
    st.integers(1, 1000), st.booleans(), st.integers(1, 1000), st.booleans(), st.floats(0, 1e9)
)  # fmt: skip
def test_the_copy_never_stops_and_never_exceeds_what_is_configured(
    window: int, slowed: bool, most: int, near: bool, lag_s: float
) -> None:
    pace = next_pace(Pace(window, slowed), most, [NEAR if near else CALM], lag_s, 2.0)
    assert 1 <= pace.window <= most


@pytest.mark.parametrize(
    ("window", "slowed", "tables", "windows"),
    [
        (None, False, 2, [16, 16]),
        (4, False, 3, [4, 4, 4]),
        (1, True, 1, [1]),
        (1, True, 4, [1, 0, 0, 0]),
        (6, True, 4, [2, 2, 1, 1]),
        (1, True, 0, []),
    ],
)
def test_tables_share_the_window_while_the_stream_comes_first(
    window: int | None, slowed: bool, tables: int, windows: list[int]
) -> None:
    state = ThrottleState(window=window, slowed_since=NOW if slowed else None)
    assert state.windows(16, tables) == windows
