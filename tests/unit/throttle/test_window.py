"""The window follows the servers' health between one chunk and the configured number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.reading import Reading, Signal
from pipeline.throttle.assess import next_window

CALM = Reading(Signal.LOAD, 10, 100)
NEAR = Reading(Signal.LOAD, 85, 100)
SILENT = Reading(Signal.LOAD, None, 100, trouble="no answer")


def test_near_a_limit_the_window_is_halved_down_to_one() -> None:
    seen, window = [], 16
    for _ in range(6):
        window = next_window(window, 16, [CALM, NEAR])
        seen.append(window)
    assert seen == [8, 4, 2, 1, 1, 1]


def test_far_from_every_limit_it_grows_again_up_to_what_is_configured() -> None:
    window = 1
    for _ in range(30):
        window = next_window(window, 16, [CALM])
    assert window == 16


def test_a_signal_that_can_t_be_read_narrows_it_too() -> None:
    assert next_window(16, 16, [CALM, SILENT]) == 8


@given(st.none() | st.integers(1, 1000), st.integers(1, 1000), st.booleans())
def test_the_window_stays_between_one_and_what_is_configured(
    before: int | None, most: int, near: bool
) -> None:
    assert 1 <= next_window(before, most, [NEAR if near else CALM]) <= most
