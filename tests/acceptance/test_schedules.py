"""Beat starts what is due: at its minute, once, whoever else ticks."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands import schedules
from pipeline.commands.schedules import add_schedule, next_time, start_due
from pipeline.control.events import read_events
from pipeline.control.schedules import Schedule, read_schedules, set_paused
from pipeline.control.schema import read_now
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.alters import SERVER, alter_request, make_table
from tests.support.moves import read, wait_for, wait_until
from tests.support.stack import Stack


@pytest.fixture
def kept(pools: Pools, connect: Connect, schema: str) -> Schedule:
    """An alter, each night."""
    make_table(connect(SERVER), schema, "t", 200)
    change = "ADD COLUMN c INT, RENAME COLUMN n TO m"
    request = alter_request(schema, "t", change, renames={"n": "m"}, chunk_rows=50)
    return add_schedule(pools, "0 2 * * *", "UTC", request, "test")


def now_is(pools: Pools, kept: Schedule, *, paused: bool = False, **ago: float) -> None:
    """Let its time have come `ago`."""
    with pools.begin(SERVER) as control:
        due = read_now(control) - timedelta(**ago)
        set_paused(control, kept.id, paused=paused, next_due=due)


def again(pools: Pools, kept: Schedule) -> Schedule:
    with pools.begin(SERVER) as control:
        return next(one for one in read_schedules(control, SERVER) if one.id == kept.id)


def end(pools: Pools, kept: Schedule) -> None:
    schedules.remove(pools, kept)


def test_beat_starts_it_at_its_time_and_it_runs_to_its_end(
    pools: Pools, kept: Schedule, stack: Stack
) -> None:
    stack.start()
    now_is(pools, kept, seconds=1)
    found: Any = wait_until(lambda: again(pools, kept).migration_id, stack.logs())
    migration = wait_for(pools, found, Stage.DONE, logs=stack.logs)
    assert migration.created_by == f"schedule {kept.id}"
    seen = again(pools, kept)
    assert seen.last_outcome == "started"
    assert seen.next_due is not None
    assert (seen.next_due.hour, seen.next_due.minute) == (2, 0)
    assert seen.next_due > seen.now
    end(pools, kept)


def test_two_ticks_at_the_same_time_start_it_once(pools: Pools, kept: Schedule) -> None:
    now_is(pools, kept, seconds=1)
    started: list[str] = []
    together = threading.Barrier(4)

    def tick() -> None:
        together.wait()
        started.extend(start_due(pools, SERVER))

    threads = [threading.Thread(target=tick) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(started) == 1
    assert read(pools, started[0]).stage is Stage.PREPARING
    assert start_due(pools, SERVER) == []
    end(pools, kept)


def test_a_run_that_overlaps_the_last_one_is_noted_and_the_next_one_tried(
    pools: Pools, kept: Schedule
) -> None:
    now_is(pools, kept, seconds=1)
    (first,) = start_due(pools, SERVER)
    now_is(pools, kept, seconds=1)
    assert start_due(pools, SERVER) == []
    seen = again(pools, kept)
    assert seen.migration_id == first
    assert seen.last_outcome is not None
    assert f"belongs to migration {first}" in seen.last_outcome
    assert seen.next_due is not None
    assert seen.next_due > seen.now
    end(pools, kept)


def test_a_run_that_could_not_start_is_an_event_and_its_hook_is_told(
    pools: Pools, connect: Connect, schema: str, tmp_path: Path
) -> None:
    """Or nobody knows in the morning that nothing has happened."""
    make_table(connect(SERVER), schema, "t", 1)
    told = tmp_path / "told"
    hook = tmp_path / "hook.sh"
    hook.write_text(f'#!/bin/sh\necho "$TRANSHIP_SCHEDULE $TRANSHIP_FAILURE" >> {told}\n')
    hook.chmod(0o755)
    request = alter_request(schema, "gone", "ADD COLUMN c INT", hooks={Hook.ON_FAILURE: str(hook)})
    kept = add_schedule(pools, "0 2 * * *", "UTC", request, "test")
    now_is(pools, kept, seconds=1)
    assert start_due(pools, SERVER) == []
    seen = again(pools, kept)
    assert seen.not_started
    with pools.begin(SERVER) as control:
        logged = read_events(control, kept.id)
    assert [one.kind for one in logged] == [EventKind.SCHEDULE, EventKind.HOOK]
    assert logged[0].message == seen.last_outcome
    assert told.read_text().startswith(f"{kept.id} not started: There is no table {schema}.gone.")
    assert start_due(pools, SERVER) == []
    end(pools, kept)


def test_a_missed_run_is_made_up_for_unless_it_is_an_hour_late(
    pools: Pools, kept: Schedule
) -> None:
    now_is(pools, kept, hours=5)
    assert start_due(pools, SERVER) == []
    outcome = again(pools, kept).last_outcome
    assert outcome is not None
    assert outcome.startswith("missed")
    now_is(pools, kept, minutes=50)
    assert len(start_due(pools, SERVER)) == 1
    end(pools, kept)


def test_a_paused_schedule_starts_nothing_and_goes_on_from_its_next_time(
    pools: Pools, kept: Schedule
) -> None:
    schedules.pause(pools, kept, paused=True)
    now_is(pools, kept, paused=True, seconds=1)
    assert start_due(pools, SERVER) == []
    schedules.pause(pools, again(pools, kept), paused=False)
    assert start_due(pools, SERVER) == []
    started = schedules.run_now(pools, again(pools, kept), "somebody")
    assert read(pools, started).created_by == "somebody"
    end(pools, kept)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("2026-01-10 00:00", "2026-01-10 01:30"),
        ("2026-07-10 00:00", "2026-07-10 00:30"),
        ("2026-03-29 00:00", "2026-03-29 01:00"),  # there is no 02:30: when the clock is put
        ("2026-10-24 12:00", "2026-10-25 00:30"),  # there are two: the first
        ("2026-10-25 00:31", "2026-10-26 01:30"),  # … and only that
    ],
)
def test_a_clock_change_loses_no_run_and_doubles_none(after: str, expected: str) -> None:
    found = next_time("30 2 * * *", "Europe/Berlin", datetime.fromisoformat(f"{after}Z"))
    assert found == datetime.fromisoformat(f"{expected}Z")


@pytest.mark.parametrize(
    ("cron", "zone"), [("nonsense", "UTC"), ("0 2 31 2 *", "UTC"), ("0 2 * * *", "Mars/Base")]
)
def test_what_is_not_a_time_is_refused(cron: str, zone: str) -> None:
    with pytest.raises(RefusedError):
        next_time(cron, zone, datetime(2026, 1, 1, tzinfo=UTC))
