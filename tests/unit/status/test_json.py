"""What scripts read is data: a reason in words would have to be parsed."""

from __future__ import annotations

import json

from tests.support.progress import copying
from tests.support.readings import READINGS


def test_a_throttle_is_told_as_signal_value_and_limit() -> None:
    told = json.loads(json.dumps(copying(READINGS[1:2]).as_json()))
    assert told["throttled"] == [
        {"signal": "load", "value": 1e6, "limit": 40, "server": "new",
         "subject": "Threads_running", "trouble": None},
    ]  # fmt: skip
