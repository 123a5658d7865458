"""Starts migrations that are due. Beat's tick calls it every second; each run starts once.

A run that was missed while nothing ticked is started once, if it is less than an hour late;
otherwise it is noted as missed, however many there were. A run that can't start (the last one is
still under way, or preflight refuses it) is noted with the reason, and the next one is tried at
its time. Times go by the wall clock: one that the clock skips becomes the moment at which it does;
one that comes twice is used once (cronsim does it like Debian's cron).
"""

from __future__ import annotations

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
    note_started,
    read_schedules,
    set_paused,
    take_run,
)
from pipeline.control.schema import read_now
from pipeline.domain.request import Request
from pipeline.domain.window import zone_named
from pipeline.errors import FencedError, RefusedError
from pipeline.mysql.pools import Pools, ask_every_server
from pipeline.status.listing import refuse_short

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
        install(control, request.target)
    with pools.begin(request.target) as control:
        now = read_now(control)
        new = Schedule(
            id=secrets.token_hex(4), target=request.target, cron=cron, zone=zone, request=request,
            paused=False, next_due=next_time(cron, zone, now), last_due=None, last_outcome=None,
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
        RefusedError: there is none, or more than one, or `given` is too short.
    """
    refuse_short(given)
    found = [one for one in all_schedules(pools)[0] if one.id.startswith(given)]
    if len(found) != 1:
        many = f"{len(found)} schedules begin" if found else "No schedule begins"
        raise RefusedError(f"{many} with {given}.", "See: tranship schedule list")
    return found[0]


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
        due = due_schedules(control, target)
    started = (_start(pools, schedule) for schedule in due)
    return [migration_id for migration_id in started if migration_id is not None]


def _start(pools: Pools, due: Schedule) -> str | None:
    following = next_time(due.cron, due.zone, due.now)
    if due.now - due.next_due > LATE:
        when = f"{due.now:%Y-%m-%d %H:%M} UTC"
        _not_started(pools, due, following, f"missed: no coordinator was active until {when}")
        return None
    try:
        plan = make_plan(pools, due.request)
        with recording(pools, plan, f"schedule {due.id}") as (control, migration_id):
            if not take_run(control, due, following, STARTED, migration_id):
                raise FencedError(f"Somebody else has started schedule {due.id}.")
    except FencedError:
        return None
    except RefusedError as error:
        _not_started(pools, due, following, f"not started: {error}")
        return None
    return migration_id


def _not_started(pools: Pools, due: Schedule, following: datetime, outcome: str) -> None:
    with pools.begin(due.target) as control:
        ours = take_run(control, due, following, outcome)
    if ours:
        tell_not_started(pools, due, outcome)
