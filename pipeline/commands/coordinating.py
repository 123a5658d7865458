"""Holds the coordinator's role while a person's command changes what nobody else may."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from pipeline.control.leases import Lease, fence, release_lease, take_lease
from pipeline.domain.role import Role
from pipeline.errors import RefusedError, RetryableError
from pipeline.mysql.pools import Pools
from pipeline.renewal import renewed
from pipeline.waiting import wait_until

_LEASE_WAIT_S = 15.0
_POLL_S = 0.1


@contextmanager
def coordinating(pools: Pools, target: str, migration_id: str, who: str) -> Iterator[Lease]:
    """Hold the coordinator's role of one migration, however long that takes.

    Raises:
        RefusedError: somebody else has it, and keeps it.
    """
    ttl_s = pools.settings.timeouts.lease_s

    def take() -> Lease | None:
        with pools.begin(target) as control:
            return take_lease(control, migration_id, Role.COORDINATE, who, ttl_s)

    lease = wait_until(take, _LEASE_WAIT_S, _POLL_S)
    if lease is None:
        raise RefusedError(f"Migration {migration_id} is busy.", "Try again in a moment.")
    try:
        with renewed(partial(_renew, pools, target, lease), ttl_s):
            yield lease
    finally:
        # What was done is done: the lease expires by itself.
        with suppress(RetryableError), pools.begin(target) as control:
            release_lease(control, lease)


def _renew(pools: Pools, target: str, lease: Lease) -> None:
    with pools.begin(target) as control:
        fence(control, lease)
