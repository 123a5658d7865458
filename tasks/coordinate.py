"""Queue `tranship.coordinate`: the tick of beat, and one step of one migration."""

from __future__ import annotations

from celery import shared_task
from celery.utils.log import get_task_logger
from structlog.contextvars import bound_contextvars

from pipeline.commands.schedules import start_due
from pipeline.control.migrations import active_ids, has_schedules, install, is_installed
from pipeline.coordinate.advance import advance as advance_one
from pipeline.errors import TranshipError
from pipeline.mysql.pools import Pools
from tasks import context
from tasks.messages import ADVANCE, TICK, CeleryMessenger, send_advance

log = get_task_logger(__name__)


# No events of these two: several a second, they would bury in Flower what does the work.
@shared_task(name=ADVANCE, send_events=False)
def advance(target: str, migration_id: str) -> None:
    """Move a migration as far as it goes now."""
    with bound_contextvars(migration=migration_id):
        _advance(target, migration_id)


def _advance(target: str, migration_id: str) -> None:
    try:
        advance_one(context.pools(), target, migration_id, CeleryMessenger(), context.owner())
    except TranshipError as error:
        log.warning("%s", error)


_up_to_date: set[str] = set()


def _bring_up_to_date(pools: Pools, target: str) -> None:
    """A control schema that an older version made may lack columns; once a process."""
    if target not in _up_to_date:
        with pools.begin(target) as control:
            install(control)
        _up_to_date.add(target)


def _start_due(pools: Pools, target: str) -> None:
    """Schedules; a control schema that is older than they are has none."""
    with pools.begin(target) as control:
        known = has_schedules(control)
    if known:
        for migration_id in start_due(pools, target):
            log.info("migration %s: started by its schedule", migration_id)


@shared_task(name=TICK, send_events=False)
def tick() -> None:
    """Look at every server that may be a target; one that is down does not stop the others."""
    pools = context.pools()
    for target in pools.settings.servers:
        try:
            _start_due(pools, target)
            with pools.begin(target) as control:
                active = active_ids(control, target) if is_installed(control) else []
            if active:
                _bring_up_to_date(pools, target)
            for migration_id in active:
                send_advance(target, migration_id)
        except TranshipError as error:
            log.warning("tick: %s", error)
