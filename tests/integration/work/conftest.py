"""A worker with a move whose first chunk has been sent, or is copied and has to be verified."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.mysql.pools import Pools, run
from tests.support.direct import DirectMove
from tests.support.jobs import Worker
from tests.support.moves import SOURCE
from tests.support.verification import drained


@pytest.fixture
def worker(pools: Pools, schema: str) -> Worker:
    """Chunk 0, of three rows, has been sent."""
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(20))")
        run(source, f"INSERT INTO {schema}.t VALUES (1, 'one'), (2, 'two'), (3, 'three')")
    move = DirectMove.of(pools, schema, "t")
    move.advance()
    assert move.sent.chunks == [0]
    return Worker(move)


@pytest.fixture
def verifier(worker: Worker) -> Worker:
    """The chunk is copied, and has to be verified."""
    worker.move.copy_all()
    drained(worker.move)
    return worker


@pytest.fixture
def away(worker: Worker) -> Iterator[Pools]:
    """The same servers, but that nobody listens where the source is."""
    settings = worker.move.pools.settings
    old = settings.servers[SOURCE].model_copy(update={"port": 1})
    servers = {**settings.servers, SOURCE: old}
    pools = Pools(settings.model_copy(update={"servers": servers}))
    yield pools
    pools.close()
