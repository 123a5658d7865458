"""Alters with a way back, ready to be cut over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.mysql.pools import Pools
from tests.support.alter_backs import AlterRound, ready_alter_round


@pytest.fixture
def there(pools: Pools, schema: str, tmp_path: Path) -> Iterator[AlterRound]:
    with ready_alter_round(pools, schema, tmp_path) as one:
        yield one
