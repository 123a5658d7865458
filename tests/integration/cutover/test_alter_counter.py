"""AUTO_INCREMENT = n, below the old counter, is what the server's own ALTER makes of it.

An id that was given out since the start is never given out again.
"""

from __future__ import annotations

import pytest

from pipeline.commands import control
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from tests.support.alters import SERVER, begin_alter
from tests.support.coordinators import Coordinators, hurried, streaming


@pytest.mark.parametrize(
    ("change", "meanwhile", "next_id"),
    [
        ("AUTO_INCREMENT = 50", [], 50),
        ("AUTO_INCREMENT = 1", [], 3),
        (
            "AUTO_INCREMENT = 50",
            ["INSERT INTO t VALUES (NULL)", "DELETE FROM t WHERE id = 100"],
            101,
        ),
        ("FORCE", [], 100),
    ],
)
def test_the_counter_is_the_one_that_was_asked_for(
    pools: Pools, schema: str, change: str, meanwhile: list[str], next_id: int
) -> None:
    with pools.begin(SERVER) as server:
        run(server, f"CREATE DATABASE {schema}")
        run(server, f"CREATE TABLE {schema}.t (id INT AUTO_INCREMENT PRIMARY KEY)")
        run(server, f"INSERT INTO {schema}.t VALUES (1), (2)")
        run(server, f"ALTER TABLE {schema}.t AUTO_INCREMENT = 100")
    migration_id = begin_alter(pools, schema, "t", change, postponed=True)
    with hurried(pools) as quick, streaming(pools, migration_id):
        coordinators = Coordinators(quick, migration_id)
        coordinators.until(Stage.READY)
        with pools.begin(SERVER) as server:
            run(server, f"USE {schema}")
            for statement in meanwhile:
                run(server, statement)
        control.cut_over(pools, SERVER, migration_id, "test")
        coordinators.until(Stage.DONE)
    with pools.begin(SERVER) as server:
        run(server, f"INSERT INTO {schema}.t VALUES (NULL)")
        assert run(server, f"SELECT MAX(id) FROM {schema}.t").rows == ((next_id,),)
