"""The event log is read in pages, from either end; a page that skips an event loses it."""

from __future__ import annotations

import pytest

from pipeline.control.events import last_events, log_event, read_events
from pipeline.control.install import install
from pipeline.domain.event_kind import EventKind
from pipeline.mysql.pools import Pools
from tests.support.moves import TARGET


@pytest.fixture
def migration_id(pools: Pools, schema: str) -> str:
    """With one event of each kind."""
    with pools.begin(TARGET) as control:
        install(control, TARGET)
    with pools.begin(TARGET) as control:
        for kind in EventKind:
            log_event(control, schema, kind, f"about {kind}", "test")
    return schema


def test_pages_hold_every_event_once_and_in_order(pools: Pools, migration_id: str) -> None:
    found, after = [], 0
    with pools.begin(TARGET) as control:
        while page := read_events(control, migration_id, after=after, limit=5):
            found += page
            after = page[-1].id
    assert [event.kind for event in found] == list(EventKind)
    assert (found[0].message, found[0].by) == ("about created", "test")


def test_the_newest_come_oldest_first(pools: Pools, migration_id: str) -> None:
    with pools.begin(TARGET) as control:
        found = last_events(control, migration_id, 2)
    assert [event.kind for event in found] == list(EventKind)[-2:]
