"""What only the old table holds stays with its row, whatever else is strange about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cutover.alter_locks import Swap
from pipeline.mysql.pools import Pools, run
from tests.conftest import Connect
from tests.support.alter_backs import alter_round
from tests.support.alters import SERVER, skip_on_mariadb
from tests.support.preflight import do

STRANGE = (
    "CREATE TABLE {}.t (id INT PRIMARY KEY, n INT, v VARCHAR(9), e ENUM('x', 'y'),"
    " g TINYINT AS (v + 0) STORED)"
)


@pytest.mark.long
def test_what_only_a_lenient_session_could_write_does_not_stop_it(
    pools: Pools, connect: Connect, schema: str, tmp_path: Path
) -> None:
    skip_on_mariadb(pools)
    do(pools, SERVER, f"CREATE DATABASE {schema}", STRANGE.format(schema))
    link = connect(SERVER)
    with link.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = ''")
        cursor.execute(f"INSERT INTO {schema}.t (id, n, v, e) VALUES (1, 1, '1000', 'z')")
    link.commit()
    change = "DROP COLUMN e, DROP COLUMN g, MODIFY n BIGINT"
    with alter_round(pools, schema, tmp_path, change) as there:
        way = there.go()
        there.run("UPDATE {t} SET n = 5 WHERE id = 1")
        there.take(way)
        assert there.run("SELECT n, e + 0, g FROM {t}") == [(5, 0, 127)]


@pytest.mark.long
def test_it_goes_along_with_a_row_that_is_written_between_the_proof_and_the_swap(
    pools: Pools, schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_on_mariadb(pools)
    do(
        pools, SERVER, f"CREATE DATABASE {schema}",
        f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, note VARCHAR(9) NOT NULL DEFAULT 'none')",
        f"INSERT INTO {schema}.t VALUES (1, 'of 1'), (2, 'of 2'), (3, 'of 3')",
    )  # fmt: skip
    let_through = Swap.let_through

    def write_and_let_through(swap: Swap) -> None:
        run(swap.lock, f"UPDATE {schema}.t SET id = 9 WHERE id = 1")
        run(swap.lock, f"DELETE FROM {schema}.t WHERE id = 2")
        run(swap.lock, f"INSERT INTO {schema}.t VALUES (2)")
        let_through(swap)

    with alter_round(pools, schema, tmp_path, "DROP COLUMN note") as there:
        way = there.go()
        monkeypatch.setattr(Swap, "let_through", write_and_let_through)
        there.take(way)
        assert there.run("SELECT id, note FROM {t} ORDER BY id") == [
            (2, "none"),
            (3, "of 3"),
            (9, "of 1"),
        ]
