"""A rebuilt table under four writers goes back, forward and back again: each write is there.

The witness is what the server has acknowledged. The change adds, drops, widens and renames.
"""

from __future__ import annotations

import pytest

from pipeline.commands.clean_up import clean_up
from pipeline.commands.way_back import roll_back
from pipeline.domain.stages import Stage
from pipeline.domain.way_back import way_back_id
from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.alters import SERVER, Bookkeeper, begin_alter, leftovers, make_table
from tests.support.moves import scalar, wait_for, wait_until
from tests.support.stack import Stack

CHANGE = (
    "ADD COLUMN made INT NOT NULL DEFAULT 7, DROP COLUMN kept, RENAME COLUMN n TO number,"
    " MODIFY v VARCHAR(100) CHARACTER SET utf8mb4"
)
ROWS = 500
ALONE = 1_000_000  # ids from here on are not the writers'


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_back_and_forward_and_back_again_each_acknowledged_write_is_there(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack, seed: int
) -> None:
    truth, table = make_table(connect(SERVER), schema, "t", ROWS), f"{schema}.t"
    with connect(SERVER).cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ADD COLUMN kept INT NOT NULL DEFAULT 5")
        cursor.execute(
            f"INSERT INTO {table} VALUES ({ALONE}, 'w', 1, 11), ({ALONE + 1}, 'w', 2, 22)"
        )
        cursor.connection.commit()
    truth |= {ALONE: {"w"}, ALONE + 1: {"x"}}
    writers = Bookkeeper(lambda: connect(SERVER), table, ROWS, seed=seed, truth=truth).start()

    def written() -> None:
        before = writers.written
        wait_until(lambda: writers.written > before + 100, f"nobody can write: {writers.errors}")

    ids = [begin_alter(pools, schema, "t", CHANGE, renames={"n": "number"}, way_back_s=600)]
    wait_for(pools, ids[0], Stage.DONE, logs=shared_stack.logs)
    with connect(SERVER).cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET v = 'x', number = 3 WHERE id = {ALONE + 1}")
        cursor.connection.commit()
    for _ in range(3):
        written()
        roll_back(pools, SERVER, ids[-1], "test")
        ids.append(way_back_id(ids[-1]))
        wait_for(pools, ids[-1], Stage.DONE, logs=shared_stack.logs)
    written()
    writers.stop()

    link = connect(SERVER)
    assert writers.broken_promises(link) == []
    alone = f"(SELECT GROUP_CONCAT(CONCAT_WS(':', n, kept) ORDER BY id) FROM {table}"
    assert scalar(link, f"SELECT {alone} WHERE id >= {ALONE})") == "1:11,3:22"
    for one in reversed(ids):
        clean_up(pools, SERVER, one, "test")
    assert leftovers(pools, schema) == ["t"]
