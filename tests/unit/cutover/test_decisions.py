"""When a cut-over may begin, when it is tried again, and when a blocker may be killed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from pipeline.cutover.decisions import (
    Hindrance,
    hindrance,
    may_kill_blockers,
    next_attempt,
    out_of_attempts,
    too_early,
)
from pipeline.domain.migration import Migration
from pipeline.domain.request import AlterRequest, MoveRequest
from pipeline.domain.window import Window
from tests.support.examples import ALTER, MIGRATION, MOVE

NOW = datetime(2020, 1, 1, 3, 0)
READY = replace(MIGRATION, now=NOW)
OPEN, CLOSED = Window.parse("02:00-04:00"), Window.parse("05:00-06:00")


def never_asked() -> float:
    raise AssertionError("a server was asked for what the migration's row rules out already")


def found(now: Migration, *, converged: bool = True, lag_s: float = 0.0) -> Hindrance | None:
    return hindrance(now, lambda: converged, lambda: lag_s, ready_lag_s=5.0)


@pytest.mark.parametrize("request_", [MOVE, ALTER])
def test_a_cut_over_begins_when_nothing_stops_it(request_: MoveRequest | AlterRequest) -> None:
    assert found(replace(READY, request=request_)) is None


def test_one_that_is_postponed_waits_until_it_is_allowed() -> None:
    assert found(replace(READY, postponed=True)) is Hindrance.POSTPONED


@pytest.mark.parametrize(("in_s", "stops"), [(1, True), (0, False), (-1, False)])
def test_one_that_was_tried_waits_until_the_next_attempt(in_s: int, stops: bool) -> None:
    now = replace(READY, retry_at=NOW + timedelta(seconds=in_s))
    assert too_early(now) is stops
    assert found(now) is (Hindrance.TOO_EARLY if stops else None)


@pytest.mark.parametrize(("window", "stops"), [(OPEN, False), (CLOSED, True), (None, False)])
def test_one_that_has_a_window_waits_for_it(window: Window | None, stops: bool) -> None:
    now = replace(READY, request=replace(MOVE, cut_over_window=window))
    assert found(now) is (Hindrance.OUTSIDE_WINDOW if stops else None)


def test_one_with_much_left_to_verify_waits_for_that() -> None:
    assert found(READY, converged=False) is Hindrance.NOT_CONVERGED


@pytest.mark.parametrize(("lag_s", "stops"), [(5.0, False), (5.1, True), (float("inf"), True)])
def test_one_whose_target_lags_waits_for_that(lag_s: float, stops: bool) -> None:
    assert found(READY, lag_s=lag_s) is (Hindrance.LAGGING if stops else None)


def test_what_a_person_asked_for_comes_before_everything_else() -> None:
    """Who allows a cut-over is told of being postponed, not of something that passes."""
    now = replace(
        READY, postponed=True, retry_at=NOW + timedelta(hours=1),
        request=replace(MOVE, cut_over_window=CLOSED),
    )  # fmt: skip
    assert found(now, converged=False, lag_s=99) is Hindrance.POSTPONED


@pytest.mark.parametrize(
    "now",
    [
        replace(READY, postponed=True),
        replace(READY, retry_at=NOW + timedelta(hours=1)),
        replace(READY, request=replace(MOVE, cut_over_window=CLOSED)),
    ],
)
def test_no_server_is_asked_while_the_row_says_no(now: Migration) -> None:
    assert hindrance(now, lambda: bool(never_asked()), never_asked, 5.0) is not None


@pytest.mark.parametrize(
    ("attempt", "after_s"), [(0, 10), (1, 10), (2, 20), (10, 100), (11, 100), (99, 100)]
)
def test_each_attempt_is_later_than_the_one_before_but_never_very_late(
    attempt: int, after_s: int
) -> None:
    now = replace(READY, attempt=attempt)
    assert next_attempt(now, retry_s=10) == NOW + timedelta(seconds=after_s)


def test_no_attempt_follows_at_once() -> None:
    """Or writes would be refused again before the application has recovered."""
    for attempt in range(20):
        again = replace(READY, attempt=attempt)
        assert too_early(replace(again, retry_at=next_attempt(again, retry_s=10)))


@pytest.mark.parametrize(("attempt", "out"), [(0, False), (9, False), (10, True), (11, True)])
def test_after_so_many_attempts_a_person_has_to_allow_the_next(attempt: int, out: bool) -> None:
    assert out_of_attempts(replace(READY, attempt=attempt), attempts=10) is out


@pytest.mark.parametrize(
    ("force_after_s", "tried_s_ago", "may"),
    [
        (None, None, False),
        (None, 3600, False),
        (60.0, None, False),
        (60.0, 59, False),
        (60.0, 60, True),
        (0.0, None, True),
    ],
)
def test_a_blocker_is_killed_only_if_that_was_asked_for_and_not_before(
    force_after_s: float | None, tried_s_ago: int | None, may: bool
) -> None:
    first = None if tried_s_ago is None else NOW - timedelta(seconds=tried_s_ago)
    request = replace(ALTER, force_after_s=force_after_s)
    now = replace(READY, request=request, first_attempt_at=first)
    assert may_kill_blockers(now) is may
