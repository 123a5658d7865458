"""Complete moves with real workers, under writers, compared row by row at the end."""

from __future__ import annotations

import pytest

from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.moves import SOURCE, TARGET, begin_move, wait_for
from tests.support.stack import Stack
from tests.support.workload import TABLES, Workload, create_tables, differences

SHORT_SEEDS = (1,)
LONG_SEEDS = tuple(range(2, 24))


def move_under_writers(
    pools: Pools, connect: Connect, schema: str, stack: Stack, seed: int, rows: int = 4000
) -> None:
    """Move the three tables while four writers write; both sides must end up the same."""
    create_tables(connect(), schema, rows)
    writers = Workload(lambda: connect(SOURCE), schema, rows, seed).start()
    migration_id = begin_move(pools, schema, TABLES)
    wait_for(pools, migration_id, Stage.DONE, logs=stack.logs)
    writers.stop()
    assert writers.commits > 100
    for name in TABLES:
        names = (f"{schema}._{name}_del", f"{schema}.{name}")
        assert differences(connect(SOURCE), connect(TARGET), names) == [], f"seed {seed}"


@pytest.mark.parametrize("seed", SHORT_SEEDS)
def test_no_row_is_lost_or_invented_under_four_writers(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack, seed: int
) -> None:
    move_under_writers(pools, connect, schema, shared_stack, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", LONG_SEEDS)
def test_no_row_is_lost_or_invented_over_many_seeds(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack, seed: int
) -> None:
    move_under_writers(pools, connect, schema, shared_stack, seed, rows=20_000)
