"""What happens next and what that waits for, in one plain sentence and one command.

People look at `status` because a migration stands still, so what is missing (a worker, a
streamer, a decision) comes before what is going on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pipeline.domain.hook_names import Hook
from pipeline.domain.migration import Failure, RunningSearch
from pipeline.domain.processes import Processes
from pipeline.domain.reading import Reading, Signal
from pipeline.domain.request import MigrationKind
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage, wants_stream
from pipeline.domain.way_back import Direction
from pipeline.status.kind_words import words_of
from pipeline.status.way_back import WayBackProgress
from pipeline.status.wording import reasons_text, search_text

_COORDINATOR_SILENT_S = 10.0
_MESSAGES_WAIT_S = 15.0
_MESSAGES_WAIT_LONG_S = 60.0  # while each worker pauses between two of them
_STREAMER_STARTS_S = 3.0
_NO_MESSAGES_S = 3.0  # beat sends one every second
_YIELDING = frozenset({Stage.COPYING, Stage.CONVERGING, Stage.READY})


@dataclass(frozen=True)
class NextStep:
    """The sentence, and the command that is useful now."""

    sentence: str
    command: str


@dataclass(frozen=True)
class StatusFacts:
    """The facts that the next step depends on. `_s` are seconds; ages unless said otherwise."""

    id: str
    kind: MigrationKind
    source: str
    target: str
    stage: Stage
    after_restore: Stage | None
    postponed: bool
    window: str | None  # the cut-over waits for it
    failure: Failure | None
    hook_failure: str | None  # of on-success
    throttled: tuple[Reading, ...]
    gives_way: bool  # workers pause
    chunks_left: int
    planned: bool
    unverified: int
    touched: int
    indexes_left: int
    touched_s: float  # that verifying them takes
    touched_limit_s: float
    waiting_s: float
    lag_s: float
    lag_limit_s: float  # of a cut-over
    verify_lag_s: float  # that a verification waits for; with more of it, each is in vain
    stream_alive: bool
    coordinated_s_ago: float | None
    stage_s: float
    retry_s: float  # until the next attempt
    refused_s: float
    refused_limit_s: float
    direction: Direction = Direction.FORWARD
    until: datetime | None = None  # a way back stands open until then
    roll_back_asked: bool = False  # of a way back: it no longer ends by itself
    way_back: WayBackProgress | None = None  # of this migration
    log_search: RunningSearch | None = None  # that is going on
    processes: Processes | None = None  # None: nobody has asked
    cleaned_up: bool = False


def next_step(now: StatusFacts) -> NextStep:
    """The next step, which is what a person reads first."""
    if now.stage in _ENDS:
        return _ENDS[now.stage](now)
    return _missing(now) or _held_back(now) or NextStep(_SENTENCES[now.stage](now), _command(now))


def _command(now: StatusFacts) -> str:
    if _waits_for_roll_back(now):
        return f"tranship roll-back {now.id}"
    if now.stage is Stage.READY and now.postponed:
        return f"tranship cut-over {now.id}"
    if now.hook_failure is not None:
        return f"tranship resume {now.id} --skip-hook {Hook.ON_SUCCESS}"
    return f"tranship status {now.id} --watch"


# --- it has ended ---------------------------------------------------------------------


def _waits_for_roll_back(now: StatusFacts) -> bool:
    return now.stage is Stage.READY and now.until is not None and not now.roll_back_asked


def _done(now: StatusFacts) -> NextStep:
    words = words_of(now.kind, now.direction)
    if now.cleaned_up:
        return _nothing_left(now, words.done)
    said = _said(now, f"nothing: {words.done}; {words.kept} until clean-up")
    back = now.way_back
    if back is None or not back.stands_open or back.until is None:
        return NextStep(said, f"tranship clean-up {now.id}")
    if back.asked:
        return NextStep(f"{said}; a roll-back is asked for", f"tranship status {back.id}")
    until = f"{back.until:%Y-%m-%d %H:%M} UTC"
    return NextStep(f"{said}; it can be rolled back until {until}", f"tranship roll-back {now.id}")


def _nothing_left(now: StatusFacts, how: str) -> NextStep:
    return NextStep(_said(now, f"nothing: {how}; it is cleaned up"), f"tranship events {now.id}")


def _aborted(now: StatusFacts) -> NextStep:
    words = words_of(now.kind, now.direction)
    if now.cleaned_up:
        return _nothing_left(now, words.untouched)
    left = words.left if now.until is None else "the way back is closed"
    said = _said(now, f"nothing: {words.untouched}; {left}")
    return NextStep(said, f"tranship clean-up {now.id}")


def _failed(now: StatusFacts) -> NextStep:
    untouched = _said(now, words_of(now.kind, now.direction).untouched)
    if now.failure is not None and not now.failure.resumable:
        return NextStep(
            f"nothing by itself: {untouched}; abort, then start again", f"tranship abort {now.id}"
        )
    return NextStep(
        f"nothing by itself: {untouched}; fix the cause, then resume; or abort",
        f"tranship resume {now.id}",
    )


_ENDS: dict[Stage, Callable[[StatusFacts], NextStep]] = {
    Stage.DONE: _done,
    Stage.ABORTED: _aborted,
    Stage.FAILED: _failed,
}


# --- something is missing -------------------------------------------------------------


def _missing(now: StatusFacts) -> NextStep | None:
    """A process is missing without which nothing goes on."""
    ago = now.coordinated_s_ago
    if (gone := _broker_gone(now)) is not None:
        return gone
    if ago is None and now.stage_s < _COORDINATOR_SILENT_S:
        return None  # it was started a moment ago
    if ago is None or ago > _COORDINATOR_SILENT_S:
        since = f" for {ago:.0f} s" if ago is not None else ""
        return _start(now, Role.COORDINATE, f"no coordinator has been active{since}")
    starting = now.stage is Stage.COPYING and now.stage_s < _STREAMER_STARTS_S
    if wants_stream(now.stage) and not now.stream_alive and not starting:
        return _start(now, Role.STREAM, "no streamer is running")
    longest_s = _MESSAGES_WAIT_LONG_S if now.gives_way else _MESSAGES_WAIT_S
    if now.waiting_s > longest_s or _nobody_to_take_it(now):
        what = f"no copy worker has taken a message for {now.waiting_s:.0f} s"
        return _start(now, Role.COPY, what)
    return None


def _broker_gone(now: StatusFacts) -> NextStep | None:
    """The broker answers neither us nor, as it seems, a coordinator."""
    trouble = now.processes and now.processes.broker_trouble
    ago = now.coordinated_s_ago
    if not trouble or (ago is not None and ago < _NO_MESSAGES_S):
        return None
    what = f"the broker does not answer ({trouble}): start it; the workers then go on by themselves"
    return NextStep(what, "tranship doctor")


def _nobody_to_take_it(now: StatusFacts) -> bool:
    """A message waits, and no worker that answers would take it: no use in waiting longer."""
    seen = now.processes
    if seen is None or seen.broker_trouble or now.waiting_s < _NO_MESSAGES_S:
        return False
    return not seen.with_role(Role.COPY)


def _held_back(now: StatusFacts) -> NextStep | None:
    if not now.throttled or now.stage not in _YIELDING:
        return None
    reasons = reasons_text(now.throttled)
    by_hand = any(reason.signal is Signal.BY_HAND for reason in now.throttled)
    command = f"tranship unthrottle {now.id}" if by_hand else f"tranship status {now.id} --watch"
    return NextStep(f"{now.stage} goes on once it is no longer throttled: {reasons}", command)


def _start(now: StatusFacts, role: Role, what: str) -> NextStep:
    running = now.processes.with_role(role) if now.processes else []
    if running:
        what = f"{what}, though {', '.join(running)} answers: its log says why; or restart it"
        return NextStep(what, "tranship doctor")
    command = f"tranship worker {role}"
    return NextStep(f"{what}: start one with {command}", command)


# --- it is going on -------------------------------------------------------------------


def _preparing(_: StatusFacts) -> str:
    return "copying; waiting for the target's tables to be created"


def _copying(now: StatusFacts) -> str:
    more = "" if now.planned else " and more to be planned"
    return f"verification; waiting for {_count(now.chunks_left, 'chunk')} to be copied{more}"


def _converging(now: StatusFacts) -> str:
    waits = [f"{_count(now.unverified, 'chunk')} to be verified"] if now.unverified else []
    if now.indexes_left:
        ending = "" if now.indexes_left == 1 else "es"
        waits.append(f"{now.indexes_left} deferred index{ending} to be added")
    if waits:
        return f"{_cut_over(now)}; waiting for {' and '.join(waits)}{_in_vain(now)}"
    return (
        f"{_cut_over(now)}; {_count(now.touched, 'changed row')} to verify again,"
        f" {now.touched_s:.1f} s of work; waiting for no more than {now.touched_limit_s:g} s"
        f"{_in_vain(now)}"
    )


def _in_vain(now: StatusFacts) -> str:
    if now.lag_s <= now.verify_lag_s:
        return ""
    return (
        f"; nothing is verified before the lag ({now.lag_s:.1f} s) is under {now.verify_lag_s:g} s"
    )


def _ready(now: StatusFacts) -> str:
    if _waits_for_roll_back(now):
        return f"it stands open until {now.until:%Y-%m-%d %H:%M} UTC, for a roll-back"
    if now.postponed:
        return "cut-over; it is postponed and waits for you to allow it"
    if now.window is not None:
        return f"cut-over; waiting for its window, {now.window}"
    if now.retry_s > 0:
        return f"cut-over; the next attempt is in {now.retry_s:.0f} s"
    if now.lag_s > now.lag_limit_s:
        return (
            f"cut-over; waiting for the lag ({now.lag_s:.1f} s) to be under {now.lag_limit_s:g} s"
        )
    if now.log_search is not None:
        return f"cut-over; {search_text(now.log_search)}"
    return f"cut-over; {_count(now.touched, 'changed row')} left to verify again"


def _cutting_over(now: StatusFacts) -> str:
    words = words_of(now.kind, now.direction)
    return _said(now, words.cutting_over.replace("{waits}", words.waits[now.stage]))


def _switching(now: StatusFacts) -> str:
    again = f", again in {now.retry_s:.0f} s" if now.retry_s > 0 else ""
    if now.hook_failure is not None:
        return (
            f"done; {now.hook_failure}{again}; nobody is told where to write before it succeeds:"
            f" fix it, replace it (--hook {Hook.ON_SUCCESS}=COMMAND), or skip it"
        )
    if now.log_search is not None:
        return f"done; the cut-over is complete; {search_text(now.log_search)}"
    return f"done; waiting for the hook {Hook.ON_SUCCESS} to succeed{again}"


def _restoring(now: StatusFacts) -> str:
    then = f", then: {now.after_restore}" if now.after_restore else ""
    why = f" ({now.failure.to_fix_first.explanation})" if now.failure else ""
    return f"{_said(now, words_of(now.kind, now.direction).restoring)}{then}{why}"


def _said(now: StatusFacts, template: str) -> str:
    return template.format(**vars(now), touched_rows=_count(now.touched, "changed row"))


def _cut_over(now: StatusFacts) -> str:
    return "ready, then held back because it is postponed" if now.postponed else "cut-over"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


_SENTENCES: dict[Stage, Callable[[StatusFacts], str]] = {
    Stage.PREPARING: _preparing,
    Stage.COPYING: _copying,
    Stage.CONVERGING: _converging,
    Stage.READY: _ready,
    Stage.BLOCKING: _cutting_over,
    Stage.DRAINING: _cutting_over,
    Stage.VERIFYING: _cutting_over,
    Stage.SWAPPING: _cutting_over,
    Stage.SWITCHING: _switching,
    Stage.RESTORING: _restoring,
}
