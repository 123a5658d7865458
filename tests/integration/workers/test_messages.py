"""Messages that wait in the broker: what becomes of them when they wait for long."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from celery import Celery, current_app

from pipeline.mysql.pools import Pools, run
from tasks import context, queues
from tasks.messages import CeleryMessenger
from tests.support.direct import DirectMove
from tests.support.moves import SOURCE, TARGET
from tests.support.servers import Broker, running_broker


@pytest.fixture
def broker(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """One without workers, to which this process sends."""
    monkeypatch.setenv("TRANSHIP_CONFIG", str(config_file))
    context.pools.cache_clear()
    before = current_app._get_current_object()
    with running_broker() as broker, Celery(broker=broker.url) as app:
        app.set_current()
        yield broker
    before.set_current()
    context.pools.cache_clear()


def test_a_message_to_verify_does_not_outlive_the_one_that_is_sent_instead(
    pools: Pools, schema: str, broker: Broker
) -> None:
    """Both would be work. Under writers who are never still the queue would only grow."""
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
    move = DirectMove.of(pools, schema, "t")
    CeleryMessenger().verify_keys(TARGET, move.table)
    CeleryMessenger().verify_chunk(TARGET, move.table, 0)
    sent = redis.Redis.from_url(broker.url).lrange(queues.CHECKSUM, 0, -1)
    assert len(sent) == 2
    resent = datetime.now(UTC) + timedelta(seconds=context.pools().settings.checksum.resend_s)
    for message in sent:
        assert datetime.fromisoformat(json.loads(message)["headers"]["expires"]) <= resent
