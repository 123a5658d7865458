"""Keys that differ in their text, and are equal by collation, are told apart on the way back."""

from __future__ import annotations

from pathlib import Path

from pipeline.mysql.pools import Pools
from tests.support.alter_backs import alter_round
from tests.support.alters import SERVER, skip_on_mariadb
from tests.support.preflight import do

TABLE = (
    "CREATE TABLE {}.t (k VARCHAR(9) COLLATE utf8mb4_0900_ai_ci PRIMARY KEY,"
    " note VARCHAR(9) NOT NULL DEFAULT 'none')"
)
ROWS = "INSERT INTO {}.t VALUES ('a', 'of a'), ('b', 'of b'), ('c', 'of c')"


def test_what_was_dropped_stays_with_its_row_and_goes_to_no_other(
    pools: Pools, schema: str, tmp_path: Path
) -> None:
    skip_on_mariadb(pools)
    do(pools, SERVER, f"CREATE DATABASE {schema}", TABLE.format(schema), ROWS.format(schema))
    with alter_round(pools, schema, tmp_path, "DROP COLUMN note") as there:
        way = there.go()
        there.run(  # one batch: a row gets its key back; others come where one was deleted or moved
            "UPDATE {t} SET k = 'A' WHERE k = 'a'",
            "UPDATE {t} SET k = 'a' WHERE k = 'A'",
            "DELETE FROM {t} WHERE k = 'b'",
            "INSERT INTO {t} VALUES ('B')",
            "UPDATE {t} SET k = 'x' WHERE k = 'B'",
            "UPDATE {t} SET k = 'd' WHERE k = 'c'",
            "INSERT INTO {t} VALUES ('C')",
            "UPDATE {t} SET k = 'y' WHERE k = 'C'",
        )
        there.take(way)
        assert there.run("SELECT k, note FROM {t} ORDER BY k") == [
            ("a", "of a"),
            ("d", "of c"),
            ("x", "none"),
            ("y", "none"),
        ]
