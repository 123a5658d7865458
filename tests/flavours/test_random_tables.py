"""Random tables between servers of both flavours, as acceptance/test_random_tables.py."""

from __future__ import annotations

import pytest

from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.random_moves import move_random_tables, run_seed
from tests.support.stack import Stack


def test_random_tables_arrive_on_the_other_flavour(
    flavours: tuple[str, str], pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    """Once between servers whose settings are the strangest."""
    seed = f"{run_seed('1')}/{flavours}"
    print(f"TRANSHIP_SEED={seed}")
    move_random_tables(
        seed, pools, connect, schema, shared_stack, flavours, together=4,
        strange=flavours[0] == "mariadb",
    )  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("strange", [True, False])
@pytest.mark.parametrize("part", range(5))
def test_fifty_random_tables_arrive_on_the_other_flavour(
    part: int,
    strange: bool,
    flavours: tuple[str, str],
    pools: Pools,
    connect: Connect,
    schema: str,
    shared_stack: Stack,
) -> None:
    seed = f"{run_seed()}/{flavours}/{part}"
    print(f"TRANSHIP_SEED={seed}")
    move_random_tables(seed, pools, connect, schema, shared_stack, flavours, strange=strange)
