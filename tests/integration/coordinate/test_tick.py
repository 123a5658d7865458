"""The tick of beat, without Celery: what it finds, and what must not stop it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from ops.dev.sandbox.process import free_port
from pipeline.commands.schedules import LATE, add_schedule, find_schedule, remove
from pipeline.control.schedules import set_paused
from pipeline.control.schema import read_now
from pipeline.coordinate.tick import advance_logged, tick
from pipeline.errors import RetryableError
from pipeline.mysql.pools import Pools, run
from tests.support.direct import Recorded
from tests.support.moves import SOURCE, TARGET, begin_move, move_request


@pytest.fixture
def migration_id(pools: Pools, schema: str) -> str:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
    return begin_move(pools, schema, ["t"])


@pytest.fixture
def one_down(pools: Pools) -> Iterator[Pools]:
    """The same servers, after one that does not answer."""
    servers = pools.settings.servers
    down = servers[SOURCE].model_copy(update={"port": free_port()})
    settings = pools.settings.model_copy(update={"servers": {"down": down, **servers}})
    pools = Pools(settings)
    yield pools
    pools.close()


def test_every_active_migration_is_advanced_and_no_other(pools: Pools, migration_id: str) -> None:
    told: list[tuple[str, str]] = []
    tick(pools, lambda *what: told.append(what))
    assert told == [(TARGET, migration_id)]
    with pools.begin(TARGET) as control:
        run(control, f"UPDATE tranship.migrations SET stage = 'done' WHERE id = '{migration_id}'")
    tick(pools, lambda *what: told.append(what))
    assert len(told) == 1


def test_a_server_that_is_down_does_not_stop_the_others(
    one_down: Pools, migration_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[str, str]] = []
    tick(one_down, lambda *what: told.append(what))
    assert told == [(TARGET, migration_id)]
    assert "Server down" in caplog.text


def test_a_broker_that_is_away_leaves_it_to_the_next_tick(pools: Pools, migration_id: str) -> None:
    def away(target: str, migration_id: str) -> None:
        raise RetryableError("The broker does not answer.")

    tick(pools, away)


def test_a_step_that_can_t_be_made_is_one_line_of_the_log(
    one_down: Pools, caplog: pytest.LogCaptureFixture
) -> None:
    advance_logged(one_down, "down", "nobody", Recorded(), "test")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "Server down" in caplog.text


def test_a_due_schedule_whose_source_is_away_stops_no_migration(
    one_down: Pools, migration_id: str, schema: str
) -> None:
    request = replace(move_request(schema, "t"), source="down")
    kept = add_schedule(one_down, "0 2 * * *", "UTC", request, "test")
    told: list[tuple[str, str]] = []
    for late in (timedelta(seconds=1), LATE + timedelta(seconds=1)):
        with one_down.begin(TARGET) as control:
            set_paused(control, kept.id, paused=False, next_due=read_now(control) - late)
        tick(one_down, lambda *what: told.append(what))
        seen = find_schedule(one_down, kept.id)
        outcome = seen.last_outcome or ""
        assert "Server down" in outcome
        assert seen.not_started is (late > LATE)  # which alerts; what is still tried does not
        assert outcome.startswith("missed") is (late > LATE)
    assert told == [(TARGET, migration_id)] * 2
    remove(one_down, kept)


def test_a_schedule_that_may_be_on_a_silent_server_is_not_called_unknown(one_down: Pools) -> None:
    with pytest.raises(RetryableError, match="No schedule abcd1234 on the servers that answer"):
        find_schedule(one_down, "abcd1234")
