"""Decides how much a migration may load the servers now, and stops it if the load is critical.

Whoever coordinates reads the signals every `check_s`. Over a limit nothing new is sent; how much is
sent otherwise is decided in pace.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from pipeline.configuration.settings import Throttle
from pipeline.control.streams import note_lax_source
from pipeline.control.throttles import (
    ThrottleState,
    note_slowing,
    read_throttle,
    record_assessment,
    throttle_is_due,
    write_heartbeat,
)
from pipeline.domain.event_kind import EventKind
from pipeline.domain.reading import Reading, Signal
from pipeline.errors import FatalError
from pipeline.mysql.durability import lax_settings
from pipeline.mysql.others import others_run
from pipeline.status.wording import reading_text, reasons_text
from pipeline.step.context import Context
from pipeline.step.lag import Lag, read_lag
from pipeline.throttle.limits import copy_of, throttle_of
from pipeline.throttle.pace import Pace, next_pace
from pipeline.throttle.signals import load, readings

# Under a heavy writer the lag passes the limit again and again: nobody wants to read that often.
_SLOWING_NOTED_S = 600.0


def assess(context: Context) -> ThrottleState:
    """What holds the migration back now.

    Raises:
        FatalError: the load is critical; resume when that is over.
    """
    settings, migration = context.settings, context.migration
    with context.reading() as control:
        before = read_throttle(control, migration.id)
        if not throttle_is_due(control, migration.id, settings.throttle.check_s):
            return before
    limits = throttle_of(settings.throttle, before)
    if limits.replicas:
        with context.control() as control:
            write_heartbeat(control)
    _stop_if_critical(context, limits)
    _note_lax_source(context)
    lag = read_lag(context)
    found = [
        *readings(context.pools, limits, migration.source, migration.target),
        *_apply_lag(lag, limits),
    ]
    most = copy_of(settings.row_copy, before).window
    pace = next_pace(
        Pace(before.window or most, before.slowed), most, found, lag.seconds, limits.yield_lag_s
    )
    over = [one for one in found if one.over]
    gives_way = _gives_way(context, limits)
    return _record(context, before, over, pace, lag, gives_way=gives_way)


def _gives_way(context: Context, limits: Throttle) -> bool:
    """Whether workers are to pause, since others use the source at this moment.

    A look a second is enough: the share of looks that find somebody is their share of the time.
    """
    if not limits.busy_nice_ratio:
        return False
    try:
        with context.source() as source:
            return others_run(source)
    except FatalError:  # no rights: the preflight has said so
        return False


def _note_lax_source(context: Context) -> None:
    """Note that the source may lose what it commits now: only until it crashes can that be seen."""
    with context.source() as source:
        if not lax_settings(source):
            return
    with context.control() as control:
        note_lax_source(control, context.migration.id)


def _record(
    context: Context,
    before: ThrottleState,
    reasons: Sequence[Reading],
    pace: Pace,
    lag: Lag,
    *,
    gives_way: bool,
) -> ThrottleState:
    """Record it for the workers, and log for people when it begins and when it ends."""
    with context.control() as control:
        record_assessment(
            control, context.migration.id, reasons, pace.window, slowed=pace.slowed,
            gives_way=gives_way, caught_up_at=lag.caught_up_at,
        )  # fmt: skip
        if bool(reasons) != bool(before.reasons):
            what = f"throttled: {reasons_text(reasons)}" if reasons else "no longer throttled"
            context.note_in(control, EventKind.THROTTLE, what)
        _note_slowing(context, control, before, pace, lag)
        return read_throttle(control, context.migration.id)


def _note_slowing(
    context: Context, control: Connection, before: ThrottleState, pace: Pace, lag: Lag
) -> None:
    if pace.slowed and not before.slowed:
        if note_slowing(control, context.migration.id, _SLOWING_NOTED_S):
            what = f"slowed down: the stream is {lag.seconds:.1f} s behind, and comes first"
            context.note_in(control, EventKind.THROTTLE, what)
    elif before.slowing_noted and not pace.slowed:
        context.note_in(control, EventKind.THROTTLE, "no longer slowed down")


def _apply_lag(lag: Lag, limits: Throttle) -> Iterator[Reading]:
    if limits.max_apply_lag_s is not None:
        yield Reading(Signal.APPLY_LAG, lag.seconds, limits.max_apply_lag_s)


def _stop_if_critical(context: Context, limits: Throttle) -> None:
    migration = context.migration
    for server in dict.fromkeys((migration.source, migration.target)):
        for reading in load(context.pools, server, limits.critical_load):
            if reading.value is not None and reading.over:
                raise FatalError(
                    f"Critical load: {reading_text(reading)}.",
                    f"Nothing is lost. When it is over: tranship resume {migration.id}",
                )
