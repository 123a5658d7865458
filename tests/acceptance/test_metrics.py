"""What Prometheus scrapes is what `status` says, and the rules ask for what there is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.commands import control
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.alters import SERVER, begin_alter, make_table
from tests.support.moves import wait_for
from tests.support.prometheus import Endpoint, running_endpoint
from tests.support.stack import Stack

Sample = dict[tuple[str, str], float]


@pytest.fixture
def endpoint(config_file: Path) -> Iterator[Endpoint]:
    with running_endpoint(config_file) as endpoint:
        yield endpoint


def scrape(endpoint: Endpoint, migration_id: str) -> Sample:
    """(name, table or stage) to value, for one migration."""
    found: Sample = {}
    for sample in endpoint.scrape():
        if sample.labels.get("migration") == migration_id:
            label = sample.labels.get("table") or sample.labels.get("stage") or ""
            found[sample.name, label] = sample.value
        elif "server" in sample.labels:
            found[sample.name, sample.labels["server"]] = sample.value
    return found


def test_a_scrape_tells_of_copy_stream_verification_and_cut_over(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack, endpoint: Endpoint
) -> None:
    make_table(connect(SERVER), schema, "t", 1000)
    migration_id = begin_alter(pools, schema, "t", "ADD COLUMN c INT", postponed=True)
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    link = connect(SERVER)
    with link.cursor() as cursor:
        cursor.execute(f"UPDATE {schema}.t SET v = 'changed' WHERE id <= 100")
    link.commit()
    table = f"{schema}.t"
    deadline = time.monotonic() + 120
    while (now := scrape(endpoint, migration_id)).get(("tranship_rows_applied_total", "")) != 100:
        assert time.monotonic() < deadline, now
        time.sleep(0.2)
    assert now["tranship_stage", "ready"] == 1
    assert now["tranship_postponed", ""] == 1
    assert now["tranship_rows_copied_total", table] == 1000
    assert now["tranship_chunks_unverified", table] == 0
    assert now["tranship_streamer_up", ""] == 1
    assert now["tranship_throttled", ""] == 0
    assert now["tranship_server_up", SERVER] == 1
    control.cut_over(pools, SERVER, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    now = scrape(endpoint, migration_id)
    assert now["tranship_stage", "done"] == 1
    assert now["tranship_cut_over_attempts_total", ""] == 1
    assert 0 < now["tranship_refused_seconds", ""] < 30
