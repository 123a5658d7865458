"""Migrations that are ready, and whose cut-over may begin at the next call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.mysql.pools import Pools
from tests.support.cut_overs import ReadyAlter, ReadyMove, ready_alter, ready_move


@pytest.fixture
def move(pools: Pools, schema: str, tmp_path: Path) -> Iterator[ReadyMove]:
    with ready_move(pools, schema, tmp_path) as move:
        move.allow()
        yield move


@pytest.fixture
def alter(pools: Pools, schema: str, tmp_path: Path) -> Iterator[ReadyAlter]:
    with ready_alter(pools, schema, tmp_path) as alter:
        alter.allow()
        yield alter
