"""Queue `tranship.coordinate`: beat's tick, and one step of one migration."""

from __future__ import annotations

import logging

from celery import shared_task

from pipeline.coordinate import tick as coordinator
from pipeline.outages import Outages
from tasks import context
from tasks.messages import ADVANCE, TICK, CeleryMessenger, send_advance

_servers = Outages(logging.getLogger(__name__))  # for as long as this process lives


# These two send no events: several a second would bury in Flower the tasks that do the work.
@shared_task(name=ADVANCE, send_events=False)
def advance(target: str, migration_id: str) -> None:
    """Take a migration as far as it goes now."""
    pools, owner = context.pools(), context.owner()
    coordinator.advance_logged(pools, target, migration_id, CeleryMessenger(), owner)


@shared_task(name=TICK, send_events=False)
def tick() -> None:
    """Check every server that may be a target."""
    coordinator.tick(context.pools(), send_advance, _servers)
