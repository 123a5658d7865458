"""Reads what a task's ids stand for, and records what stops a migration."""

from __future__ import annotations

import time

from pipeline.control.migrations import find_migration, read_tables, record_failure
from pipeline.control.throttles import ThrottleState, read_throttle
from pipeline.domain.migration import Failure, Migration, MigrationTable
from pipeline.domain.role import Role
from pipeline.errors import FencedError, TranshipError
from pipeline.mysql.pools import Pools
from pipeline.throttle.limits import throttle_of

_LONGEST_REST_S = 60.0


def find(
    pools: Pools, target: str, migration_id: str, table_id: int
) -> tuple[Migration, MigrationTable]:
    """The migration and its table.

    Raises:
        FencedError: they are gone: cleaned up since the message was sent.
    """
    with pools.begin(target) as control:
        migration = find_migration(control, migration_id)
        tables = read_tables(control, migration_id)
    for table in tables:
        if migration is not None and table.id == table_id:
            return migration, table
    raise FencedError(f"Migration {migration_id} has no table {table_id} any more.")


def holds_back(pools: Pools, target: str, migration_id: str) -> ThrottleState:
    """What a worker looks at before it takes on anything."""
    with pools.begin(target) as control:
        return read_throttle(control, migration_id)


def rest(pools: Pools, throttle: ThrottleState, worked_s: float) -> None:
    """Be nice: rest for a multiple of the time that the work took."""
    ratio = throttle_of(pools.settings.throttle, throttle).nice_ratio
    time.sleep(min(ratio * worked_s, _LONGEST_REST_S))


def fail_migration(
    pools: Pools, target: str, migration_id: str, role: Role, error: TranshipError
) -> None:
    """Record why the migration can't go on; the coordinator acts on it."""
    with pools.begin(target) as control:
        record_failure(control, migration_id, Failure(role, error.explanation, error.remedy))
