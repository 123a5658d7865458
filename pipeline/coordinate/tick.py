"""What the coordinator's messages do: beat's tick finds everything to do, `advance` does it.

Neither has anybody to report an error to, so an error ends in the log, and the next tick tries
again. A server that is down does not stop what goes on at the others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from structlog.contextvars import bound_contextvars

from pipeline.commands.schedules import start_due
from pipeline.control.install import is_installed
from pipeline.control.migrations import active_ids
from pipeline.coordinate.advance import advance
from pipeline.errors import TranshipError
from pipeline.mysql.pools import Pools
from pipeline.outages import Outages
from pipeline.step.context import Messenger

log = logging.getLogger(__name__)
_of_migrations = Outages(log)


def tick(
    pools: Pools, send_advance: Callable[[str, str], None], outages: Outages | None = None
) -> None:
    """Check every server that may be a target: start what is due, advance what is active.

    `outages` knows which servers did not answer lately, and are not to be asked each time.
    """
    outages = outages or Outages(log)
    for target in pools.settings.servers:
        name = f"server {target}"
        if not outages.is_due(name):
            continue
        with bound_contextvars(server=target), _logged_once(outages, name):
            with pools.begin(target) as control:
                installed = is_installed(control, target)
            if installed:
                _tick_target(pools, target, send_advance)


def _tick_target(pools: Pools, target: str, send_advance: Callable[[str, str], None]) -> None:
    for migration_id in start_due(pools, target):
        log.info("migration %s: started by its schedule", migration_id)
    with pools.begin(target) as control:
        active = active_ids(control, target)
    for migration_id in active:
        send_advance(target, migration_id)


def advance_logged(
    pools: Pools, target: str, migration_id: str, messenger: Messenger, owner: str
) -> None:
    """Take a migration as far as it goes now; trouble ends in the log."""
    name = f"migration {migration_id}"
    with bound_contextvars(migration=migration_id), _logged_once(_of_migrations, name):
        advance(pools, target, migration_id, messenger, owner)


@contextmanager
def _logged_once(outages: Outages, name: str) -> Iterator[None]:
    try:
        yield
    except TranshipError as error:
        outages.lost(name, error)
    else:
        outages.back(name)
