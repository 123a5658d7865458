"""Starts migrations that are due. Beat's tick calls it every second; each run starts once.

A run that was missed while nothing ticked is started once, if it is less than an hour late;
otherwise it is noted as missed, however many there were. A run that can't start (the last one is
still under way, or preflight refuses it) is noted with the reason, and the next one is tried at
its time. One whose servers do not answer is tried again until it is an hour late; nothing else
waits for it.

Times go by the wall clock: one that the clock skips becomes the moment at which it does; one that
comes twice is used once (cronsim does it like Debian's cron).
"""

from __future__ import annotations

import logging
import secrets
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError
from sqlalchemy import Connection

from pipeline.commands.missed_runs import tell_not_started
from pipeline.commands.start import make_plan, recording
from pipeline.configuration.load import server_settings
from pipeline.control.install import install, is_installed
from pipeline.control.schedules import (
    STARTED,
    Schedule,
    delete_schedule,
    due_schedules,
    insert_schedule,
    note_not_yet,
    note_started,
    read_schedules,
    set_paused,
    take_run,
)
from pipeline.control.schema import read_now
from pipeline.domain.request import Request
from pipeline.domain.window import zone_named
from pipeline.errors import FencedError, RefusedError, RetryableError, TranshipError, defect
from pipeline.mysql.pools import Pools, ask_every_server
from pipeline.outages import Outages
from pipeline.status.listing import only_match, refuse_short

log = logging.getLogger(__name__)
_outages = Outages(log)  # for as long as this process lives
LATE = timedelta(hours=1)


def next_time(cron: str, zone: str, after: datetime) -> datetime:
    """The first time after `after`, in UTC.

    Raises:
        RefusedError: no such expression, or no such zone.
    """
    local = after.astimezone(zone_named(zone))
    try:
        found: datetime = next(CronSim(cron, local))
    except (CronSimError, StopIteration):
        raise RefusedError(
            f"'{cron}' is not a time of cron, or never comes.", 'Give one as in "0 2 * * sat".'
        ) from None
    return found.astimezone(UTC)


def add_schedule(pools: Pools, cron: str, zone: str, request: Request, who: str) -> Schedule:
    """Keep a migration that is to be started at certain times.

    Raises:
        RefusedError: there is no such time, zone or server.
    """
    server_settings(pools.settings, request.source)
    with pools.begin(request.target) as control:
        now = read_now(control)
        due = next_time(cron, zone, now)  # refused before anything is written
        install(control, request.target)
    with pools.begin(request.target) as control:
        new = Schedule(
            id=secrets.token_hex(4), target=request.target, cron=cron, zone=zone, request=request,
            paused=False, next_due=due, last_due=None, last_outcome=None,
            migration_id=None, created_by=who, now=now,
        )  # fmt: skip
        insert_schedule(control, new)
    return new


def all_schedules(pools: Pools) -> tuple[list[Schedule], dict[str, str]]:
    """The schedules of every configured server, and why servers could not be asked."""
    found, troubles = ask_every_server(pools, _schedules)
    return found, {server: str(error) for server, error in troubles.items()}


def _schedules(control: Connection, server: str) -> list[Schedule]:
    return read_schedules(control, server) if is_installed(control, server) else []


def find_schedule(pools: Pools, given: str) -> Schedule:
    """The only schedule whose id begins with `given`.

    Raises:
        RefusedError, RetryableError: as `refuse_short` and `only_match` do.
    """
    refuse_short(given)
    found, silent = ask_every_server(pools, _schedules)
    ids = [(one.target, one.id) for one in found if one.id.startswith(given)]
    only = only_match(given, ids, silent, "schedule", "tranship schedule list")
    return next(one for one in found if (one.target, one.id) == only)


def pause(pools: Pools, schedule: Schedule, *, paused: bool) -> None:
    """Pause a schedule, or let it go on from its next time."""
    with pools.begin(schedule.target) as control:
        due = next_time(schedule.cron, schedule.zone, schedule.now)
        set_paused(control, schedule.id, paused=paused, next_due=due)


def remove(pools: Pools, schedule: Schedule) -> None:
    """Remove a schedule; a migration that it has started goes on."""
    with pools.begin(schedule.target) as control:
        delete_schedule(control, schedule.id)


def run_now(pools: Pools, schedule: Schedule, who: str) -> str:
    """Start it, whatever the time is, and keep its next time; returns the migration's id.

    Raises:
        RefusedError: preflight refuses it, or a table of it is under migration.
    """
    plan = make_plan(pools, schedule.request)
    with recording(pools, plan, who) as (control, migration_id):
        note_started(control, schedule.id, migration_id)
    return migration_id


def start_due(pools: Pools, target: str) -> list[str]:
    """Start what is due on `target`; returns the ids of the new migrations."""
    with pools.begin(target) as control:
        due = due_schedules(control, target) if is_installed(control, target) else []
    started = (_start(pools, schedule) for schedule in due)
    return [migration_id for migration_id in started if migration_id is not None]


def _start(pools: Pools, due: Schedule) -> str | None:
    try:
        following = next_time(due.cron, due.zone, due.now)
    except RefusedError as error:  # this machine lacks a zone that the one of its maker has
        _not_yet(pools, due, error)
        return None
    if due.now - due.next_due > LATE:
        _not_started(pools, due, following, _missed(due))
        return None
    return _try(pools, due, following) if _outages.is_due(_name(due)) else None


def _try(pools: Pools, due: Schedule, following: datetime) -> str | None:
    """Start it, or note why not: what is wrong with one run stops no other."""
    try:
        return _started(pools, due, following)
    except FencedError:
        pass
    except RetryableError as error:
        _not_yet(pools, due, error)
    except TranshipError as error:
        _not_started(pools, due, following, f"not started: {error}")
    except Exception as error:
        log.exception("%s: a defect", _name(due))
        _not_started(pools, due, following, f"not started: {defect(error).explanation}")
    return None


def _started(pools: Pools, due: Schedule, following: datetime) -> str:
    plan = make_plan(pools, due.request)
    with recording(pools, plan, f"schedule {due.id}") as (control, migration_id):
        if not take_run(control, due, following, STARTED, migration_id):
            raise FencedError(f"Somebody else has started schedule {due.id}.")
    _outages.back(_name(due))
    return migration_id


def _missed(due: Schedule) -> str:
    when = f"{due.now:%Y-%m-%d %H:%M} UTC"
    if due.waits:
        return f"missed: at {when} {due.last_outcome}"
    return f"missed: no coordinator was active until {when}"


def _name(due: Schedule) -> str:
    return f"schedule {due.id}"


def _not_yet(pools: Pools, due: Schedule, error: TranshipError) -> None:
    _outages.lost(_name(due), error)
    with pools.begin(due.target) as control:
        note_not_yet(control, due, str(error))


def _not_started(pools: Pools, due: Schedule, following: datetime, outcome: str) -> None:
    with pools.begin(due.target) as control:
        ours = take_run(control, due, following, outcome)
    if ours:
        tell_not_started(pools, due, outcome)
