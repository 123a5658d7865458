"""Puts into words what holds a migration back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from pipeline.domain.reading import Reading, Signal

_NUMBER = "is {value:g}, the limit {limit:g}"
_SECONDS = "is {value:g} s, the limit {limit:g} s"
# What was read, and how it is over its limit.
_WORDS = {
    Signal.REPLICA_LAG: ("lag of {server}", _SECONDS),
    Signal.LOAD: ("{subject} on {server}", _NUMBER),
    Signal.HISTORY_LIST: ("history list length on {server}", _NUMBER),
    Signal.APPLY_LAG: ("apply lag", _SECONDS),
    Signal.FLAG_FILE: ("flag file {subject}", "exists"),
    Signal.QUERY: ("throttle query on {server}", "gives neither 0 nor NULL"),
    Signal.HTTP: ("HTTP check {subject}", "did not answer 200"),
    Signal.BY_HAND: ("asked for", "by {subject}"),
}


def reading_text(reading: Reading) -> str:
    """`lag of replica-1 is 12 s, the limit 10 s`."""
    what, over = _WORDS[reading.signal]
    said = "can't be read ({trouble})" if reading.value is None else over
    return f"{what} {said}".format(**asdict(reading))


def reasons_text(reasons: Iterable[Reading]) -> str:
    """All of them in one line."""
    return "; ".join(reading_text(one) for one in reasons)
