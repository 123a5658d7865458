"""A server that does not log what its foreign keys do hides rows that somebody else takes away."""

from __future__ import annotations

import pytest

from pipeline.commands import control
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from tests.conftest import Connect
from tests.support.coordinators import Coordinators, hurried, streaming
from tests.support.moves import SOURCE, TARGET, begin_move, read_alarms


def test_a_cascade_that_somebody_else_sets_off_on_the_target_loses_no_row(
    flavours: tuple[str, str], pools: Pools, connect: Connect, schema: str
) -> None:
    if flavours != ("mysql", "mariadb"):
        pytest.skip("either the source does not log cascades, which is refused, or the target does")
    with pools.begin(SOURCE) as source:
        # Of which both know the collation.
        run(source, f"ALTER DATABASE {schema} COLLATE utf8mb4_general_ci")
        run(source, f"CREATE TABLE {schema}.parents (id INT PRIMARY KEY)")
        parents = f"CONSTRAINT `of` FOREIGN KEY (p) REFERENCES {schema}.parents (id)"
        columns = f"id INT PRIMARY KEY, p INT, {parents} ON DELETE CASCADE"
        run(source, f"CREATE TABLE {schema}.children ({columns})")
        run(source, f"INSERT INTO {schema}.parents VALUES (1), (2)")
        run(source, f"INSERT INTO {schema}.children VALUES (11, 1), (12, 2)")
    migration_id = begin_move(pools, schema, ["parents", "children"], postponed=True)
    with hurried(pools) as quick, streaming(pools, migration_id):
        coordinators = Coordinators(quick, migration_id)
        coordinators.until(Stage.READY)
        with connect(TARGET, autocommit=True).cursor() as cursor:
            cursor.execute(f"DELETE FROM {schema}.parents WHERE id = 1")
        control.cut_over(pools, TARGET, migration_id, "test")
        coordinators.until(Stage.DONE)
    with pools.begin(TARGET) as target:
        assert run(target, f"SELECT id FROM {schema}.children ORDER BY id").rows == ((11,), (12,))
    assert f"{schema}.parents at the keys 1" in read_alarms(pools, migration_id)
