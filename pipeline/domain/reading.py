"""The signals that throttle, and their readings: data, which status/wording.py puts into words.

A signal that can't be read counts as over its limit: a server that does not answer should not be
loaded further.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_NEAR = 0.8


class Signal(StrEnum):
    """What may hold a migration back."""

    REPLICA_LAG = "replica_lag"
    LOAD = "load"
    HISTORY_LIST = "history_list"
    APPLY_LAG = "apply_lag"
    FLAG_FILE = "flag_file"
    QUERY = "query"
    HTTP = "http"
    BY_HAND = "by_hand"


@dataclass(frozen=True)
class Reading:
    """A signal's value and its limit. If it is yes or no, the limit is 1 and yes is 1."""

    signal: Signal
    value: float | None  # None: it can't be read, for the reason in `trouble`
    limit: float
    server: str | None = None
    subject: str | None = None  # a status variable, a file, a URL, a person
    trouble: str | None = None

    @property
    def over(self) -> bool:
        return self.value is None or self.value >= self.limit

    @property
    def near(self) -> bool:
        """Close enough to the limit to slow down."""
        return self.value is None or self.value >= _NEAR * self.limit


def asked_for_by(who: str) -> Reading:
    """The reading of a throttle by hand: nothing is measured."""
    return Reading(Signal.BY_HAND, 1, 1, subject=who)
