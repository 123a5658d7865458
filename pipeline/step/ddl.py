"""Statements that commit by themselves (DDL), so that only the present coordinator's take effect.

No transaction can fence them. So the number of the connection that sends them is noted first, in a
transaction that is fenced (I7). Whoever has the role next ends that connection, and waits until it
is gone, before doing anything else: what an earlier coordinator was about to send, or what still
waits for a lock on its behalf, never happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from pipeline.control.leases import Lease, fence
from pipeline.control.migrations import note_ddl_connection
from pipeline.control.schema import read_now
from pipeline.domain.migration import DdlConnection, Migration
from pipeline.errors import RetryableError
from pipeline.mysql.failures import driver_errors
from pipeline.mysql.pools import (
    Pools,
    connection_id,
    connection_is_alive,
    end_of_work,
    kill_connection,
    run,
)
from pipeline.pausepoints import Point, reached
from pipeline.waiting import wait_until

_GONE_S = 10.0
_POLL_S = 0.05


@contextmanager
def ddl_connection(
    pools: Pools, target: str, lease: Lease, server: str, lock_wait_s: int | None = None
) -> Iterator[Connection]:
    """A connection of its own to `server`, for DDL of whoever holds `lease`.

    `lock_wait_s`: how long it may wait for other users of a table; otherwise as configured.

    Raises:
        FencedError: somebody else has the role now.
    """
    connection = pools.engine(server).connect()
    try:
        with driver_errors(server):
            if lock_wait_s is not None:
                run(connection, f"SET SESSION lock_wait_timeout = {lock_wait_s}")
            _note(pools, target, lease, server, connection)
            reached(Point.DDL_NOTED)
            yield connection
    finally:
        end_of_work(connection)
    # After a failure it stays noted: the server may still be at work for it.
    with pools.begin(target) as control:
        fence(control, lease)
        note_ddl_connection(control, lease.migration_id, None)


def _note(pools: Pools, target: str, lease: Lease, server: str, connection: Connection) -> None:
    with pools.begin(target) as control:
        fence(control, lease)
        noted = DdlConnection(server, connection_id(connection), read_now(control))
        note_ddl_connection(control, lease.migration_id, noted)


def end_ddl(pools: Pools, target: str, lease: Lease, migration: Migration) -> None:
    """End the connection that an earlier holder of the role has noted, if there is one.

    Raises:
        RetryableError: it is still there.
    """
    noted = migration.ddl_connection
    if noted is None:
        return
    known_s = (migration.now - noted.since).total_seconds()
    end_connection(pools, noted.server, noted.number, known_s)
    with pools.begin(target) as control:
        fence(control, lease)
        note_ddl_connection(control, lease.migration_id, None)


def end_connection(pools: Pools, server: str, number: int, known_s: float) -> None:
    """Kill connection `number`, which was there `known_s` ago, and wait until it is gone.

    Raises:
        RetryableError: it is still there.
    """
    kill_connection(pools, server, number, known_s)

    def gone() -> bool:
        with pools.begin(server) as connection:
            return not connection_is_alive(connection, number, known_s)

    if not wait_until(gone, _GONE_S, _POLL_S):
        raise RetryableError(f"Connection {number} of {server} does not end.")
