"""The drain ends, whatever the source's last transactions before the rename are.

gh-ost's move-tables timed out there when they were DDL, empty, or on other tables.
"""

from __future__ import annotations

import pytest

from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.pools import run
from pipeline.pausepoints import Point, at
from tests.conftest import Connect
from tests.support.cut_overs import ReadyMove
from tests.support.moves import SOURCE, read


@pytest.mark.parametrize(
    "last",
    [
        ["CREATE TABLE {s}.other (id INT PRIMARY KEY)", "DROP TABLE {s}.other"],
        ["SET gtid_next = '{u}:1'", "COMMIT", "SET gtid_next = AUTOMATIC"],
        ["INSERT INTO {s}_elsewhere.t VALUES (NULL)"],
    ],
    ids=["ddl", "empty", "foreign"],
)
def test_the_drain_ends_whatever_the_last_transactions_are(
    move: ReadyMove, connect: Connect, last: list[str]
) -> None:
    with move.pools.begin(SOURCE) as source:
        if "gtid_next" in last[0] and is_mariadb(source):
            pytest.skip("MariaDB logs no empty transaction")
        ((uuid,),) = run(source, "SELECT UUID()").rows
        run(source, f"CREATE DATABASE {move.schema}_elsewhere")
        run(source, f"CREATE TABLE {move.schema}_elsewhere.t (id INT PRIMARY KEY AUTO_INCREMENT)")
    cursor = connect(SOURCE, autocommit=True).cursor()

    def write() -> None:
        for statement in last:
            cursor.execute(statement.format(s=move.schema, u=uuid))

    try:
        with at(Point.INTENT_WRITTEN, write):
            move.ends_done()
        assert read(move.pools, move.id).attempt == 1
    finally:
        cursor.execute(f"DROP DATABASE {move.schema}_elsewhere")
