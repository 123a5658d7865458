"""Each change of types can be taken back: the old table is what it would be without the change."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.alter_backs import alter_round
from tests.support.alters import CHANGES, ROW, SERVER, TABLE, skip_on_mariadb
from tests.support.comparison import rows

WRITES = (
    "UPDATE {} SET a = a + 1, b = CONCAT('w', b), j = JSON_SET(j, '$.n', -1) WHERE id % 2",
    "DELETE FROM {} WHERE id % 10 = 3",
    "UPDATE {} SET id = id + 1000 WHERE id % 10 = 4",
    "INSERT IGNORE INTO {} (id, a, y, o) VALUES (2000, 1, 7, 1), (13, 1, 8, 1)",
)


@pytest.mark.long
@pytest.mark.parametrize("change", CHANGES)
def test_writes_to_the_changed_table_arrive_as_if_it_were_the_old_one(
    pools: Pools, connect: Connect, schema: str, tmp_path: Path, change: str
) -> None:
    skip_on_mariadb(pools)
    link = connect(SERVER)
    with link.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {schema}")
        cursor.execute(TABLE.format(schema))
        for number in range(1, 31):
            cursor.execute(ROW.format(schema, n=number))
        cursor.execute(f"CREATE TABLE {schema}.witness LIKE {schema}.t")
        columns = "id, a, b, d, e, f, j, m, o, p, q, r, s, y"
        cursor.execute(f"INSERT INTO {schema}.witness ({columns}) SELECT {columns} FROM {schema}.t")
    link.commit()
    with alter_round(pools, schema, tmp_path, change) as there:
        way = there.go()
        for name in ("t", "witness"):
            there.run(*(one.format(f"{schema}.{name}") for one in WRITES))
        there.take(way)
    assert rows(link, schema, "t") == rows(link, schema, "witness")
