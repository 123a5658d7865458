"""The one loop that waits for what has to be polled."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """The part of the module `time` that a wait needs."""

    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...


def wait_until(ask: Callable[[], T], limit_s: float, poll_s: float, clock: Clock = time) -> T:
    """Ask every `poll_s` seconds until the answer is true, for at most `limit_s`.

    Returns:
        the last answer. It asks at least once, however small the limit is.
    """
    deadline = clock.monotonic() + limit_s
    while not (answer := ask()) and clock.monotonic() < deadline:
        clock.sleep(poll_s)
    return answer
