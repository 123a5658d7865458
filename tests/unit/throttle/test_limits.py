"""What is set for one migration holds for it, and a mistake is refused before it is recorded."""

from __future__ import annotations

import pytest

from pipeline.configuration.settings import Copy, Throttle
from pipeline.control.throttles import ThrottleState
from pipeline.errors import RefusedError
from pipeline.throttle.limits import check_limit, copy_of, throttle_of

STATE = ThrottleState(
    overrides={
        "nice_ratio": 0.0, "max_lag_s": 2.5, "window": 3.0, "chunk_s": 0.1,
        "max_load.Threads_running": 40.0,
    }
)  # fmt: skip


def test_each_limit_goes_where_it_belongs_and_the_rest_is_as_configured() -> None:
    configured = Throttle(nice_ratio=1, max_load={"Threads_running": 9, "Threads_connected": 500})
    throttle = throttle_of(configured, STATE)
    assert (throttle.nice_ratio, throttle.max_lag_s) == (0, 2.5)
    assert throttle.max_load == {"Threads_running": 40, "Threads_connected": 500}
    assert throttle.critical_load == {}
    assert copy_of(Copy(), STATE) == Copy(window=3, chunk_s=0.1)
    assert throttle_of(configured, ThrottleState()) == configured


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nonsense", 1.0), ("max_lag_s", -1.0), ("max_lag_s", 0.0), ("window", 0.0),
        ("window", 2.5), ("max_lag_s", float("nan")), ("chunk_s", float("inf")),
        ("max_load", 1.0), ("max_load.", 1.0), ("nice_ratio.x", 1.0), ("nonsense", None),
    ],
)  # fmt: skip
def test_a_limit_that_makes_no_sense_is_refused(name: str, value: float | None) -> None:
    with pytest.raises(RefusedError):
        check_limit(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("nice_ratio", 0.0), ("window", 1.0), ("critical_load.Threads_running", 90.0),
     ("max_lag_s", None)],
)  # fmt: skip
def test_a_limit_that_makes_sense_is_not(name: str, value: float | None) -> None:
    check_limit(name, value)
