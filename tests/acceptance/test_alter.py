"""A table that is rebuilt in place is what ALTER TABLE would have made of it."""

from __future__ import annotations

import pytest

from pipeline.commands import control
from pipeline.commands.clean_up import clean_up
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.alters import (
    CHANGES,
    ROW,
    SERVER,
    TABLE,
    Bookkeeper,
    begin_alter,
    differences_from_native,
    leftovers,
    make_table,
)
from tests.support.moves import scalar, story, wait_for, wait_until
from tests.support.selection import some
from tests.support.stack import Stack

ALL_OF_IT = (
    "ADD COLUMN c INT DEFAULT 0, ADD INDEX by_v (v), CONVERT TO CHARACTER SET utf8mb4,"
    " MODIFY id BIGINT UNSIGNED AUTO_INCREMENT"
)


def test_a_live_table_is_rebuilt_and_no_write_is_lost(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    truth = make_table(connect(SERVER), schema, "t", 20_000)
    writers = Bookkeeper(lambda: connect(SERVER), f"{schema}.t", 10_000, seed=3, truth=truth)
    writers.start()
    migration_id = begin_alter(pools, schema, "t", ALL_OF_IT, chunk_rows=1000)
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    before = writers.written
    wait_until(lambda: writers.written > before + 100, "nobody writes to the new table")
    writers.stop()
    link = connect(SERVER)
    assert writers.broken_promises(link) == []
    assert scalar(link, f"SELECT COUNT(*) FROM {schema}.t WHERE c <> 0") == 0
    print(f"the longest write took {writers.longest_s:.2f} s")
    # Statistics of an empty table would make bad plans.
    known = f"FROM mysql.innodb_table_stats WHERE database_name = '{schema}' AND table_name = 't'"
    assert scalar(link, f"SELECT n_rows {known}") > 10_000
    with link.cursor() as cursor:
        cursor.execute(f"SHOW CREATE TABLE {schema}.t")
        text = cursor.fetchone()[1]
    assert "KEY `by_v` (`v`)" in text
    assert "CHARSET=utf8mb4" in text
    dropped = clean_up(pools, SERVER, migration_id, "test")
    assert dropped == [f"{schema}.t_tranship_old on {SERVER}"]
    assert leftovers(pools, schema) == ["t"]


@pytest.mark.parametrize("ddl", some(CHANGES, *CHANGES[1:5:2]))
def test_the_rebuilt_table_is_what_alter_table_makes_of_the_old_one(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack, ddl: str
) -> None:
    """Half of the rows are copied, half arrive by the binary log, and some are changed there."""
    link = connect(SERVER)
    with link.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {schema}")
        cursor.execute(TABLE.format(schema))
        for number in range(1, 300):
            cursor.execute(ROW.format(schema, n=number))
        link.commit()
        migration_id = begin_alter(pools, schema, "t", ddl, postponed=True)
        for number in range(300, 600):
            cursor.execute(ROW.format(schema, n=number))
        cursor.execute(f"DELETE FROM {schema}.t WHERE id % 10 = 3")
        cursor.execute(f"UPDATE {schema}.t SET id = id + 1000, a = a + 1 WHERE id % 10 = 4")
        link.commit()
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    control.cut_over(pools, SERVER, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    assert differences_from_native(link, schema, "t", ddl) == []
    assert "difference" not in story(pools, migration_id)


def test_a_renamed_column_keeps_its_values_once_that_is_confirmed(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    """Also the key's, and two columns that swap their names."""
    make_table(connect(SERVER), schema, "t", 500)
    ddl = "CHANGE id number BIGINT AUTO_INCREMENT, RENAME COLUMN v TO n, RENAME COLUMN n TO v"
    renames = {"id": "number", "v": "n", "n": "v"}
    migration_id = begin_alter(pools, schema, "t", ddl, renames=renames, postponed=True)
    with connect(SERVER).cursor() as cursor:
        cursor.execute(f"UPDATE {schema}.t SET v = 'changed', n = 9 WHERE id % 2 = 0")
        cursor.connection.commit()
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    control.cut_over(pools, SERVER, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    assert differences_from_native(connect(SERVER), schema, "t", ddl) == []


def test_an_id_that_was_given_out_is_not_given_out_again(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    make_table(connect(SERVER), schema, "t", 100)
    with connect(SERVER).cursor() as cursor:
        cursor.execute(f"DELETE FROM {schema}.t WHERE id > 50")
        cursor.connection.commit()
    migration_id = begin_alter(pools, schema, "t", "ADD COLUMN c INT")
    wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    with connect(SERVER).cursor() as cursor:
        cursor.execute(f"INSERT INTO {schema}.t (v) VALUES ('x')")
        assert cursor.lastrowid == 101


@pytest.mark.parametrize(
    "name",
    some(["A", "t" * 64, "sp ace`d", "zzz", "_under", "é" * 60, "~~~"], "A", "sp ace`d"),
)
def test_the_shadow_stays_writable_whatever_the_table_is_called(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack, name: str
) -> None:
    """The rename waits for the table, whose name sorts before those beside it."""
    quoted = name.replace("`", "``")
    truth = make_table(connect(SERVER), schema, quoted, 300)
    table = f"{schema}.`{quoted}`"
    writers = Bookkeeper(lambda: connect(SERVER), table, 300, seed=5, truth=truth).start()
    migration_id = begin_alter(pools, schema, name, "ADD COLUMN c INT")
    migration = wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
    writers.stop()
    assert migration.attempt == 1, story(pools, migration_id)
    assert writers.broken_promises(connect(SERVER)) == []


def test_an_aborted_alter_leaves_the_table_and_nothing_else(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    make_table(connect(SERVER), schema, "t", 500)
    migration_id = begin_alter(pools, schema, "t", "ADD COLUMN c INT", postponed=True)
    wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
    control.abort(pools, SERVER, migration_id, "test")
    wait_for(pools, migration_id, Stage.ABORTED, logs=shared_stack.logs)
    assert leftovers(pools, schema) == ["t"]
    assert clean_up(pools, SERVER, migration_id, "test") == []
    again = begin_alter(pools, schema, "t", "ADD COLUMN c INT")
    wait_for(pools, again, Stage.DONE, logs=shared_stack.logs)
