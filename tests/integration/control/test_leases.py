"""I2: one writer per role. An older holder that wakes up can commit nothing."""

from __future__ import annotations

import time

import pytest

from pipeline.control.leases import Lease, fence, release_lease
from pipeline.control.migrations import read_migration, record_failure
from pipeline.domain.migration import Failure
from pipeline.domain.role import Role
from pipeline.errors import FencedError
from pipeline.mysql.pools import Pools, run
from pipeline.step.context import Context
from tests.support.direct import DirectMove
from tests.support.moves import SOURCE, TARGET


@pytest.fixture
def move(pools: Pools, schema: str) -> DirectMove:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
    return DirectMove.of(pools, schema, "t")


def test_a_held_role_is_not_given_twice(move: DirectMove) -> None:
    assert move.take(Role.STREAM) is not None
    assert move.take(Role.STREAM) is None


def test_an_expired_role_is_given_under_a_later_epoch(move: DirectMove) -> None:
    first = move.take(Role.STREAM, ttl_s=0.05)
    assert first is not None
    time.sleep(0.1)
    second = move.take(Role.STREAM)
    assert second is not None
    assert second.epoch == first.epoch + 1


def test_an_older_holder_can_commit_nothing(move: DirectMove) -> None:
    old = move.take(Role.STREAM, ttl_s=0.05)
    time.sleep(0.1)
    assert old is not None
    assert move.take(Role.STREAM) is not None
    with pytest.raises(FencedError):
        insert_under(move, old)
    with move.pools.begin(TARGET) as control:
        assert run(control, f"SELECT * FROM {move.table.target}").rows == ()


def insert_under(move: DirectMove, lease: Lease) -> None:
    with move.pools.begin(TARGET) as control:
        run(control, f"INSERT INTO {move.table.target} VALUES (1)")
        fence(control, lease)


def test_a_released_role_is_free_at_once(move: DirectMove) -> None:
    first = move.take(Role.COORDINATE)
    assert first is not None
    with move.pools.begin(TARGET) as control:
        release_lease(control, first)
    assert move.take(Role.COORDINATE) is not None


def test_an_older_holder_does_not_release_the_newer_ones_lease(move: DirectMove) -> None:
    old = move.take(Role.STREAM, ttl_s=0.05)
    time.sleep(0.1)
    new = move.take(Role.STREAM)
    assert isinstance(old, Lease)
    assert new is not None
    with move.pools.begin(TARGET) as control:
        release_lease(control, old)
    assert move.take(Role.STREAM) is None


def test_an_older_coordinator_plans_and_records_nothing(move: DirectMove) -> None:
    """Not even a failure: what it stumbles over is what the newer one has done meanwhile."""
    old = move.take(Role.COORDINATE, ttl_s=0.05)
    time.sleep(0.1)
    assert old is not None
    with move.pools.begin(TARGET) as control:
        migration = read_migration(control, move.migration_id)
    assert migration is not None
    context = Context(move.pools, TARGET, old, move.sent, migration, [move.table])
    assert move.take(Role.COORDINATE) is not None
    with pytest.raises(FencedError), context.control() as control:
        record_failure(control, move.migration_id, Failure(Role.COORDINATE, "late", ""))
    with move.pools.begin(TARGET) as control:
        now = read_migration(control, move.migration_id)
    assert now is not None
    assert now.failure is None
