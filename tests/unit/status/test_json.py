"""What scripts read is data: a reason in words would have to be parsed."""

from __future__ import annotations

import json

from tests.support.progress import copying
from tests.support.readings import READINGS


def test_moments_are_iso_8601_in_utc_and_say_so() -> None:
    assert json.loads(json.dumps(copying().as_json()))["now"] == "2020-01-01T00:00:00Z"


def test_a_throttle_is_told_as_signal_value_and_limit() -> None:
    told = json.loads(json.dumps(copying(READINGS[1:2]).as_json()))
    assert told["throttled"] == [
        {"signal": "load", "value": 1e6, "limit": 40, "server": "new",
         "subject": "Threads_running", "trouble": None},
    ]  # fmt: skip
