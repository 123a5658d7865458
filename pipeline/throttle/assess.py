"""Decides how much a migration may load the servers now, and stops it if the load is critical.

Whoever coordinates reads the signals every `check_s`. Over a limit nothing new is sent. Close to
one the number of chunks in flight is halved, down to one; far from all of them it grows by a
quarter, up to `row_copy.window`. So a migration mostly slows down before it has to stop.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pipeline.configuration.settings import Throttle
from pipeline.control.throttles import (
    ThrottleState,
    read_throttle,
    record_assessment,
    throttle_is_due,
    write_heartbeat,
)
from pipeline.domain.event_kind import EventKind
from pipeline.domain.reading import Reading, Signal
from pipeline.errors import FatalError
from pipeline.status.wording import reading_text, reasons_text
from pipeline.step.context import Context
from pipeline.step.lag import apply_lag_s
from pipeline.throttle.limits import copy_of, throttle_of
from pipeline.throttle.signals import load, readings

_GROWTH = 4


def assess(context: Context) -> ThrottleState:
    """What holds the migration back now.

    Raises:
        FatalError: the load is critical; resume when that is over.
    """
    settings, migration = context.settings, context.migration
    with context.control() as control:
        before = read_throttle(control, migration.id)
        if not throttle_is_due(control, migration.id, settings.throttle.check_s):
            return before
        write_heartbeat(control)
    limits = throttle_of(settings.throttle, before)
    _stop_if_critical(context, limits)
    found = [
        *readings(context.pools, limits, migration.source, migration.target),
        *_apply_lag(context, limits),
    ]
    window = next_window(before.window, copy_of(settings.row_copy, before).window, found)
    return _record(context, before, [reading for reading in found if reading.over], window)


def _record(
    context: Context, before: ThrottleState, reasons: Sequence[Reading], window: int
) -> ThrottleState:
    """Record it for the workers, and log for people when it begins and when it ends."""
    with context.control() as control:
        record_assessment(control, context.migration.id, reasons, window)
        if bool(reasons) != bool(before.reasons):
            what = f"throttled: {reasons_text(reasons)}" if reasons else "no longer throttled"
            context.note_in(control, EventKind.THROTTLE, what)
        return read_throttle(control, context.migration.id)


def _apply_lag(context: Context, limits: Throttle) -> Iterator[Reading]:
    if limits.max_apply_lag_s is not None:
        lag_s = apply_lag_s(context)
        # Before the first transaction arrives the lag is unknown.
        known_s = 0.0 if math.isinf(lag_s) else lag_s
        yield Reading(Signal.APPLY_LAG, known_s, limits.max_apply_lag_s)


def next_window(before: int | None, most: int, found: Sequence[Reading]) -> int:
    """How many chunks may be in flight: fewer near a limit, more again far from it."""
    now = min(before or most, most)
    if any(reading.near for reading in found):
        return max(1, now // 2)
    return min(most, now + max(1, now // _GROWTH))


def _stop_if_critical(context: Context, limits: Throttle) -> None:
    migration = context.migration
    for server in dict.fromkeys((migration.source, migration.target)):
        for reading in load(context.pools, server, limits.critical_load):
            if reading.value is not None and reading.over:
                raise FatalError(
                    f"Critical load: {reading_text(reading)}.",
                    f"Nothing is lost. When it is over: tranship resume {migration.id}",
                )
