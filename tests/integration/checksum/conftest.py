"""A move whose rows are copied, and not verified yet."""

from __future__ import annotations

import pytest

from pipeline.mysql.pools import Pools
from tests.support.direct import DirectMove
from tests.support.verification import move_of_thirty


@pytest.fixture
def move(pools: Pools, schema: str) -> DirectMove:
    move = move_of_thirty(pools, schema, chunk_rows=1000)
    move.copy_all()
    return move
