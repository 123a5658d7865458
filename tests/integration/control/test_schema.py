"""The control schema of an older version goes on with a newer one."""

from __future__ import annotations

from pipeline.control.migrations import install, read_migration
from pipeline.mysql.pools import Pools, run
from tests.support.moves import SOURCE, TARGET, begin_move


def test_columns_that_an_older_version_did_not_have_are_added_and_its_rows_are_read(
    pools: Pools, schema: str
) -> None:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
    migration_id = begin_move(pools, schema, ["t"], postponed=True)
    with pools.begin(TARGET) as control:
        run(control, "ALTER TABLE tranship.migrations DROP COLUMN held_s")
        run(control, "ALTER TABLE tranship.moved_tables DROP COLUMN rebuild")
        run(control, "DROP TABLE tranship.throttles")
    with pools.begin(TARGET) as control:
        install(control)
        install(control)  # nothing is left to do
        migration = read_migration(control, migration_id)
    assert migration is not None
    assert migration.held_s is None
