"""A reason's signal is a label of a metric: it must not change with each value."""

from __future__ import annotations

import pytest

from pipeline.control.throttles import ThrottleState
from pipeline.throttle.signals import Reading, signal_of


@pytest.mark.parametrize(
    "reading",
    [
        Reading("lag of replica, in s", 12.5, 10),
        Reading("Threads_running on orders-old", 1e6, 40),
        Reading("HTTP check http://calm/is it", None, 1, "HTTP 503: is down"),
        Reading("flag file /run/stop is there", 1, 1),
    ],
)
def test_a_reason_without_its_value_is_its_signal(reading: Reading) -> None:
    assert signal_of(str(reading)) == reading.signal


def test_a_persons_word_is_one_signal_whoever_gave_it() -> None:
    (reason,) = ThrottleState(manual="ann@db1").all_reasons
    assert signal_of(reason) == "by hand"
