"""A move to the other flavour is taken back, and forward again, with all that was written since."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.mysql.pools import Pools, run
from tests.support.moves import SOURCE, TARGET
from tests.support.way_backs import ready_round


def written(*numbers: int) -> list[list[tuple[object, ...]]]:
    return [[(1, "w"), (3, "y"), *((number, "w") for number in numbers)]] * 2


@pytest.mark.long
def test_what_the_other_flavour_wrote_is_there_again(
    pools: Pools, schema: str, tmp_path: Path
) -> None:
    with pools.begin(SOURCE) as source:  # of which both know the collation
        run(source, f"ALTER DATABASE {schema} COLLATE utf8mb4_general_ci")
    with ready_round(pools, schema, tmp_path) as there:
        way = there.go()
        there.write(TARGET, 9)
        there.take(way)
        assert there.rows(SOURCE) == written(9)
        again = there.followed(there.way_forward)
        there.write(SOURCE, 10)
        there.take(again)
        assert there.rows(TARGET) == written(9, 10)
