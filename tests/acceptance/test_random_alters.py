"""Random tables, rebuilt under random writes, are what ALTER TABLE makes of them.

The seed of a run is printed; TRANSHIP_SEED repeats it.
"""

from __future__ import annotations

import time
from random import Random

import pytest

from pipeline.commands import control
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.alters import SERVER, begin_alter, differences_from_native
from tests.support.moves import wait_for
from tests.support.random_moves import LIMIT_S, TOGETHER, make_tables, run_seed
from tests.support.random_writes import RandomWriter
from tests.support.selection import some
from tests.support.stack import Stack

# Some are refused for some tables: a text key can't be followed in another collation, and MySQL
# itself garbles the members of an ENUM or SET that are not ASCII, or takes them for duplicates.
REFUSED = (
    "no unique key that the change leaves",
    "which the change does not name",
    "has duplicated value '' in",
)
CHANGES = (
    "ADD COLUMN `added col` INT NOT NULL DEFAULT 7 FIRST, COMMENT = 'changed'",
    "CONVERT TO CHARACTER SET utf8mb4",
    "ADD COLUMN added VARCHAR(20) NOT NULL, ROW_FORMAT = DYNAMIC",
    "ADD COLUMN added JSON, ADD COLUMN more DATETIME(6) NULL",
    "COMMENT = 'the same columns'",
)


@pytest.mark.parametrize("part", some(range(20), 0))
def test_random_tables_are_rebuilt_as_the_server_would(
    part: int, pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    seed = f"{run_seed('1') if part == 0 else run_seed()}/alter/{part}"
    print(f"TRANSHIP_SEED={seed}")
    chance = Random(seed)
    with connect(SERVER).cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {schema}")
    tables, _ = make_tables(connect(SERVER), schema, chance, "mysql", TOGETHER if part else 4)
    writers = [
        RandomWriter(lambda: connect(SERVER), schema, tables, f"{seed}/{number}", "mysql").start()
        for number in range(2)
    ]
    started = []
    for table in tables:
        ddl = chance.choice(CHANGES)
        print(ddl, "::", table.create)
        try:
            started.append(
                (table.name, ddl, begin_alter(pools, schema, table.name, ddl, postponed=True))
            )
        except RefusedError as error:
            if not any(reason in str(error) for reason in REFUSED):
                raise
    for _, _, migration_id in started:
        wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs, limit_s=LIMIT_S)
    time.sleep(1)
    for writer in writers:
        writer.stop()
    against = {}
    for name, ddl, migration_id in started:
        control.cut_over(pools, SERVER, migration_id, "test")
        wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs, limit_s=LIMIT_S)
        found = differences_from_native(connect(SERVER), schema, name, ddl)
        if found:
            against[name, ddl] = found
    assert not against, against
    assert len(started) >= len(tables) / 2
