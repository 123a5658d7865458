"""What follows when a scheduled run could not start: an event, and the hook `on-failure` is told.

Both are for people: the schedule itself has moved on to its next time before. The events stand
under the schedule's id, since there is no migration.
"""

from __future__ import annotations

from pipeline.control.events import log_event
from pipeline.control.schedules import Schedule
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook
from pipeline.hooks.process import run_hook
from pipeline.mysql.pools import Pools

_BY = "schedule"


def tell_not_started(pools: Pools, schedule: Schedule, why: str) -> None:
    """Note it, and run the hook that the migration would have had."""
    _note(pools, schedule, EventKind.SCHEDULE, why)
    command = schedule.request.hooks.get(Hook.ON_FAILURE)
    if command is None:
        return
    limit_s = pools.settings.hooks.limit_s
    result = run_hook(command, variables(schedule, why), limit_s, lambda: None)
    wrote = "" if result.succeeded or not result.output else f": {result.output}"
    _note(pools, schedule, EventKind.HOOK, f"{Hook.ON_FAILURE} exited {result.exit_code}{wrote}")


def variables(schedule: Schedule, why: str) -> dict[str, str]:
    """What the hook is told; there are no others."""
    request = schedule.request
    targets = (request.target_name(name) for name in request.tables)
    return {
        "TRANSHIP_HOOK": Hook.ON_FAILURE,
        "TRANSHIP_HOOK_ATTEMPT": "1",
        "TRANSHIP_SCHEDULE": schedule.id,
        "TRANSHIP_KIND": request.kind,
        "TRANSHIP_TABLES": ",".join(map(str, request.tables)),
        "TRANSHIP_TARGET_TABLES": ",".join(map(str, targets)),
        "TRANSHIP_SOURCE": request.source,
        "TRANSHIP_TARGET": request.target,
        "TRANSHIP_CREATED_BY": schedule.created_by,
        "TRANSHIP_FAILURE": why,
    }


def _note(pools: Pools, schedule: Schedule, kind: EventKind, message: str) -> None:
    with pools.begin(schedule.target) as control:
        log_event(control, schedule.id, kind, message, _BY)
