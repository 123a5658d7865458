"""Moves with a way back, ready to be cut over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.mysql.pools import Pools
from tests.support.way_backs import Round, ready_round


@pytest.fixture
def there(pools: Pools, schema: str, tmp_path: Path) -> Iterator[Round]:
    with ready_round(pools, schema, tmp_path) as one:
        yield one
