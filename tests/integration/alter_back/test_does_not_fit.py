"""What the old definition can't hold exactly is not cut: it stops the way back, by its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools
from tests.support.alter_backs import OLD, alter_round
from tests.support.alters import SERVER, skip_on_mariadb
from tests.support.preflight import do

TABLE = (
    "CREATE TABLE {}.t (id INT PRIMARY KEY, a INT NOT NULL, u INT UNIQUE,"
    " c VARCHAR(9) CHARACTER SET latin1, f FLOAT, d DATETIME, s VARCHAR(3), e ENUM('x','y'))"
)
ROWS = (
    "INSERT INTO {}.t VALUES (1, 1, 1, 'a', 0.5, '2024-01-01', 'abc', 'x'),"
    " (2, 2, 2, 'b', 0.5, '2024-01-01', 'abc', 'y')"
)


@pytest.mark.long
@pytest.mark.parametrize(
    ("change", "written"),
    [
        ("MODIFY a INT NULL", "a = NULL"),
        ("DROP INDEX u", "u = 1"),
        ("MODIFY c VARCHAR(9) CHARACTER SET utf8mb4", "c = 'Ω'"),
        ("MODIFY f DOUBLE", "f = 0.1"),
        ("MODIFY d DATETIME(6)", "d = '2024-01-01 00:00:00.5'"),
        ("MODIFY s VARCHAR(9)", "s = 'long one'"),
        ("MODIFY s VARCHAR(9)", "s = 'ab   '"),
        ("MODIFY e ENUM('x','y','z')", "e = 'z'"),
        ("MODIFY id BIGINT", "id = 3000000000"),
    ],
)
def test_it_is_named_and_the_changed_table_stays_in_use(
    pools: Pools, schema: str, tmp_path: Path, change: str, written: str
) -> None:
    skip_on_mariadb(pools)
    do(pools, SERVER, f"CREATE DATABASE {schema}", TABLE.format(schema), ROWS.format(schema))
    with alter_round(pools, schema, tmp_path, change) as there:
        way = there.go()
        before = there.run(f"SELECT * FROM {{s}}.{OLD} ORDER BY id")
        there.run(f"UPDATE {{t}} SET {written} WHERE id = 2")
        way.until(Stage.FAILED)
        failure = there.read(way).failure
        assert failure is not None
        assert failure.resumable
        assert f"key {'3000000000' if 'id' in written else 2}" in failure.explanation
        assert f"{schema}.t stays in use; only" in failure.remedy
        assert there.run(f"SELECT * FROM {{s}}.{OLD} ORDER BY id") == before
        assert there.tables == ["t", OLD]
        there.run("UPDATE {t} SET s = 'x' WHERE id = 1")
