"""Puts into words what holds a migration back, what a cut-over was spent on, and its way back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipeline.domain.cut_over_parts import CutOverAttempt, Part
from pipeline.domain.reading import Reading, Signal
from pipeline.domain.request import MigrationKind
from pipeline.domain.stages import Stage
from pipeline.domain.way_back import Direction
from pipeline.status.kind_words import KIND_WORDS

if TYPE_CHECKING:  # only types: this module is imported for the help of commands, too
    from pipeline.domain.migration import RunningSearch
    from pipeline.status.way_back import WayBackProgress

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


_PARTS = {
    Part.LOCK: "locks",
    Part.DRAIN: "drain",
    Part.VERIFY: "verification",
    Part.PROOF: "proof",
    Part.SWAP: "swap",
    Part.HOOK: "hook",
    Part.RESTORE: "restoring",
}


def attempt_text(kind: MigrationKind, attempt: CutOverAttempt) -> str:
    """`writes were refused for 87 ms: locks 12 ms, drain 20 ms, …`."""
    parts = ", ".join(f"{_PARTS[one.part]} {one.ms:,.0f} ms" for one in attempt.parts)
    return f"writes {KIND_WORDS[kind].writes} for {1000 * attempt.total_s:,.0f} ms: {parts}"


def search_text(search: RunningSearch) -> str:
    """`the binary log of new is searched for what others have written: 3 of 40 transactions`."""
    how_far = f"{search.read:,} of {search.total:,} transactions"
    return f"the binary log of {search.server} is searched for what others have written: {how_far}"


_WAY_BACK_ENDS = {Stage.DONE: "taken", Stage.ABORTED: "closed"}


def way_back_text(back: WayBackProgress) -> str:
    """`way back 1a2b3c4d: open until …, lag 0.0 s, 3 changed rows to verify`."""
    way = "way back" if back.direction is Direction.BACK else "way forward"
    return f"{way} {back.id}: {_way_back_state(back)}"


def _way_back_state(back: WayBackProgress) -> str:
    if back.stage is None:
        return f"not known: {back.trouble}" if back.trouble else "not recorded"
    if back.trouble is not None:
        return f"{back.stage}: {back.trouble}"
    if not back.stands_open or back.until is None:
        return _WAY_BACK_ENDS.get(back.stage, str(back.stage))
    lag = "?" if back.lag_s is None else f"{back.lag_s:.1f} s"
    until = f"open until {back.until:%Y-%m-%d %H:%M:%S} UTC"
    state = "a roll-back is asked for" if back.asked else until
    return f"{state}, lag {lag}, {back.keys_touched:,} changed rows to verify"
