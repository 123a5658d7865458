"""Queue `tranship.coordinate`: the tick of beat, and one step of one migration."""

from __future__ import annotations

from celery import shared_task

from pipeline.coordinate import tick as coordinator
from tasks import context
from tasks.messages import ADVANCE, TICK, CeleryMessenger, send_advance


# No events of these two: several a second, they would bury in Flower what does the work.
@shared_task(name=ADVANCE, send_events=False)
def advance(target: str, migration_id: str) -> None:
    """Move a migration as far as it goes now."""
    pools, owner = context.pools(), context.owner()
    coordinator.advance_logged(pools, target, migration_id, CeleryMessenger(), owner)


@shared_task(name=TICK, send_events=False)
def tick() -> None:
    """Look at every server that may be a target."""
    coordinator.tick(context.pools(), send_advance)
