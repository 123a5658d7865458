"""Random tables, moved by real workers under random writes, and compared by four witnesses.

The seed of a run is printed; TRANSHIP_SEED repeats it.
"""

from __future__ import annotations

import pytest

from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.random_moves import move_random_tables, run_seed
from tests.support.selection import some
from tests.support.stack import Stack


@pytest.mark.parametrize("part", some(range(2), 0))
def test_random_tables_arrive_as_they_were(
    part: int, pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    seed = f"{run_seed('1')}/{part}"
    print(f"TRANSHIP_SEED={seed}")
    move_random_tables(seed, pools, connect, schema, shared_stack, together=10 if part else 5)


@pytest.mark.long
@pytest.mark.parametrize("part", range(20))
def test_two_hundred_random_tables_arrive_as_they_were(
    part: int, pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    seed = f"{run_seed()}/long/{part}"
    print(f"TRANSHIP_SEED={seed}")
    move_random_tables(seed, pools, connect, schema, shared_stack)
