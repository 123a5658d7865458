"""The drain ends, whatever the source's last transactions before the rename are.

gh-ost's move-tables timed out there when they were DDL, empty, or on other tables.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.domain.stages import Stage
from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.moves import SOURCE, begin_move, wait_for, wait_until
from tests.support.stack import Stack


@pytest.mark.long  # short: integration/cutover/test_move_drain
@pytest.mark.parametrize(
    "last",
    [
        ["CREATE TABLE {s}.other (id INT PRIMARY KEY)", "DROP TABLE {s}.other"],
        ["SET gtid_next = '{u}:1'", "COMMIT", "SET gtid_next = AUTOMATIC"],
        ["INSERT INTO {s}.elsewhere VALUES (NULL)"],
    ],
    ids=["ddl", "empty", "foreign"],
)
def test_the_drain_ends_whatever_the_last_transactions_are(
    pools: Pools, connect: Connect, schema: str, stack: Stack, tmp_path: Path,
    last: list[str],
) -> None:  # fmt: skip
    with pools.begin(SOURCE) as link:
        if "gtid_next" in last[0] and is_mariadb(link):
            pytest.skip("MariaDB logs no empty transaction")
    mark, hold = tmp_path / "mark", tmp_path / "hold"
    hold.touch()
    source = connect(SOURCE, autocommit=True).cursor()
    source.execute(f"CREATE TABLE {schema}.entries (id INT PRIMARY KEY)")
    source.execute(f"CREATE TABLE {schema}.elsewhere (id INT PRIMARY KEY AUTO_INCREMENT)")
    source.execute("SELECT UUID()")
    uuid = source.fetchone()[0]
    stack.start("copy", "stream")
    point = {"mark": str(mark), "hold": str(hold)}
    stack.start("coordinate", pause={"cut-over.intent-written": point})
    migration_id = begin_move(pools, schema, ["entries"])
    wait_until(mark.exists, stack.logs())
    for statement in last:
        source.execute(statement.format(s=schema, u=uuid))
    hold.unlink()
    migration = wait_for(pools, migration_id, Stage.DONE, logs=stack.logs)
    assert migration.attempt == 1
