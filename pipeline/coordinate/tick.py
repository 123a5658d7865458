"""What the coordinator's messages do: beat's tick finds everything to do, `advance` does it.

Neither has anybody to report an error to, so an error ends in the log, and the next tick tries
again. A server that is down does not stop what goes on at the others, nor do migrations that are
due: a start asks servers that may not answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

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
    """Check every server that may be a target: advance what is active, start what is due.

    `outages` knows which servers did not answer lately, and are not to be asked each time.
    """
    outages = outages or Outages(log)
    _on_each_server(pools, outages, partial(_advance_active, send_advance=send_advance))
    _on_each_server(pools, outages, _start_due)


def _on_each_server(pools: Pools, outages: Outages, do: Callable[[Pools, str], None]) -> None:
    for target in pools.settings.servers:
        name = f"server {target}"
        if outages.is_due(name):
            with bound_contextvars(server=target), _logged_once(outages, name):
                do(pools, target)


def _advance_active(pools: Pools, target: str, send_advance: Callable[[str, str], None]) -> None:
    with pools.begin(target) as control:
        active = active_ids(control, target) if is_installed(control, target) else []
    for migration_id in active:
        send_advance(target, migration_id)


def _start_due(pools: Pools, target: str) -> None:
    for migration_id in start_due(pools, target):
        log.info("migration %s: started by its schedule", migration_id)


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
