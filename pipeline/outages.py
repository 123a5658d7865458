"""Says once that something is out of reach, and once that it is back, however often it is tried.

An on-call log is read from the end: an hour of the same line each second hides everything else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

_FIRST_S = 1.0
# Not longer: writes may be refused until the server is back and the work on it goes on.
_LONGEST_S = 4.0
_BRIEF_S = 2.0


@dataclass(frozen=True)
class _Outage:
    text: str
    began: float
    tried: float
    wait_s: float


class Outages:
    """What is out of reach for this process. Each thing has a name, which the lines begin with."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock = log, clock
        self._known: dict[str, _Outage] = {}

    def lost(self, name: str, why: object) -> float:
        """It can't be reached; returns after how many seconds to try again: 1, 2, then 4."""
        now, text, before = self._clock(), str(why), self._known.get(name)
        if before is None or before.text != text:
            self._log.warning("%s: %s", name, text)
        began = now if before is None else before.began
        wait_s = _FIRST_S if before is None else min(2 * before.wait_s, _LONGEST_S)
        self._known[name] = _Outage(text, began, now, wait_s)
        return wait_s

    def back(self, name: str) -> None:
        """It was reached. A deadlock, say, which is over at once, is not worth a second line."""
        before = self._known.pop(name, None)
        away_s = 0.0 if before is None else self._clock() - before.began
        if away_s >= _BRIEF_S:
            self._log.warning("%s: back after %.0f s", name, away_s)

    def is_due(self, name: str) -> bool:
        """Whether it is to be tried now."""
        known = self._known.get(name)
        return known is None or self._clock() - known.tried >= known.wait_s
