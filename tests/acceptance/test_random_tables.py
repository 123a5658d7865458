"""Random tables, moved by real workers under random writes, and compared by four witnesses.

The seed of a run is printed; TRANSHIP_SEED repeats it.
"""

from __future__ import annotations

import pytest

from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.random_moves import move_random_tables, run_seed
from tests.support.stack import Stack


@pytest.mark.parametrize("strange", [True, False])
def test_random_tables_arrive_as_they_were(
    strange: bool, pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    """Once between servers whose settings are the strangest: no session may inherit them."""
    seed = f"{run_seed('1')}/{int(strange)}"
    print(f"TRANSHIP_SEED={seed}")
    move_random_tables(seed, pools, connect, schema, shared_stack, together=4, strange=strange)


@pytest.mark.long
@pytest.mark.parametrize("strange", [True, False])
@pytest.mark.parametrize("part", range(20))
def test_two_hundred_random_tables_arrive_as_they_were(
    part: int, strange: bool, pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    seed = f"{run_seed()}/long/{part}"
    print(f"TRANSHIP_SEED={seed}")
    move_random_tables(seed, pools, connect, schema, shared_stack, strange=strange)
