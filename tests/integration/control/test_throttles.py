"""Since when a migration is held back is told from the first reason to the last."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from pipeline.control.install import install
from pipeline.control.throttles import (
    ThrottleState,
    note_slowing,
    read_throttle,
    record_assessment,
    set_manual,
    set_override,
)
from pipeline.domain.reading import Reading
from pipeline.mysql.pools import Pools
from tests.support.moves import TARGET
from tests.support.readings import READINGS


@pytest.fixture
def migration_id(pools: Pools, schema: str) -> str:
    with pools.begin(TARGET) as control:
        install(control, TARGET)
    return schema


def assessed(control: Connection, migration_id: str, *reasons: Reading) -> ThrottleState:
    record_assessment(control, migration_id, reasons, 4)
    return read_throttle(control, migration_id)


def test_a_reason_that_changes_does_not_begin_it_anew(pools: Pools, migration_id: str) -> None:
    with pools.begin(TARGET) as control:
        first = assessed(control, migration_id, READINGS[0])
    with pools.begin(TARGET) as control:
        second = assessed(control, migration_id, *READINGS)
    assert (first.reasons, second.reasons) == (READINGS[:1], READINGS)
    assert first.since is not None
    assert second.since == first.since
    with pools.begin(TARGET) as control:
        over = assessed(control, migration_id)
        again = assessed(control, migration_id, READINGS[0])
    assert (over.since, over.reasons, over.throttled) == (None, (), False)
    assert again.since is not None
    assert again.since > first.since


def test_what_a_person_set_outlives_an_assessment(pools: Pools, migration_id: str) -> None:
    with pools.begin(TARGET) as control:
        set_manual(control, migration_id, "ann@db1")
        set_override(control, migration_id, "nice_ratio", 0.5)
        state = assessed(control, migration_id)
    assert (state.manual, state.overrides, state.window) == ("ann@db1", {"nice_ratio": 0.5}, 4)


def slowed(control: Connection, migration_id: str, now: bool) -> ThrottleState:
    record_assessment(control, migration_id, (), 1, slowed=now)
    if now:
        note_slowing(control, migration_id, every_s=600)
    return read_throttle(control, migration_id)


def test_a_lag_that_comes_and_goes_does_not_flood_the_event_log(
    pools: Pools, migration_id: str
) -> None:
    with pools.begin(TARGET) as control:
        first = slowed(control, migration_id, now=True)
        over = slowed(control, migration_id, now=False)
    with pools.begin(TARGET) as control:
        again = slowed(control, migration_id, now=True)
    told = [(one.slowed, one.slowing_noted) for one in (first, over, again)]
    assert told == [(True, True), (False, False), (True, False)]
