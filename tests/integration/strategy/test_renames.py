"""Whatever an alter's plan accepts, the start accepts, too."""

from __future__ import annotations

import pytest

from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from tests.support.alters import SERVER, begin_alter
from tests.support.direct import DirectMove
from tests.support.moves import read


@pytest.mark.parametrize(
    ("change", "renames"),
    [
        ("RENAME COLUMN g TO h", {"g": "h"}),
        ("CHANGE g h INT AS (a + 1)", {"g": "h"}),
        ("RENAME COLUMN a TO g2, DROP COLUMN g", {"a": "g2"}),
        ("RENAME COLUMN A TO b, DROP COLUMN g", {"a": "B"}),
        ("RENAME COLUMN a TO b, RENAME COLUMN b TO a", {"a": "b", "b": "a"}),
        ("DROP COLUMN b, RENAME COLUMN a TO b", {"a": "b"}),
    ],
)
def test_a_rename_that_was_confirmed_does_not_fail_after_the_start(
    change: str, renames: dict[str, str], pools: Pools, schema: str
) -> None:
    with pools.begin(SERVER) as server:
        run(server, f"CREATE DATABASE {schema}")
        names_b = "COLUMN b" in change
        generated = "" if names_b else ", g INT AS (a + 1)"
        column = ", b INT" if names_b else ""
        run(server, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, a INT{column}{generated})")
    begun = begin_alter(pools, schema, "t", change, renames=renames)
    alter = DirectMove(pools, begun, server=SERVER)
    alter.advance()
    migration = read(pools, alter.migration_id)
    assert migration.failure is None
    assert migration.stage is Stage.COPYING
