"""Tables at the limits of what a server holds: columns, widths, values, gaps between keys."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pipeline.commands import control
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from tests.conftest import Connect
from tests.support.comparison import checksum, first_difference, rows
from tests.support.moves import SOURCE, TARGET, begin_move, wait_for
from tests.support.stack import Stack

MOST_COLUMNS = 1017
TYPES = ("SMALLINT", "VARCHAR(3)", "DATE", "BIT(3)", "TINYINT UNSIGNED", "CHAR(2)", "TIME(2)")
VALUES = ("-7", "'a\\tb'", "'2024-02-29'", "5", "255", "'é'", "'-1:02:03.45'")


def move(pools: Pools, schema: str, stack: Stack, during: str, chunk_rows: int = 500) -> str:
    """Move `t`; `during` is run on the source once the rows are copied."""
    migration_id = begin_move(pools, schema, ["t"], chunk_rows=chunk_rows, postponed=True)
    wait_for(pools, migration_id, Stage.READY, logs=stack.logs, limit_s=180)
    with pools.begin(SOURCE) as source:
        run(source, during)
    control.cut_over(pools, TARGET, migration_id, "test")
    wait_for(pools, migration_id, Stage.DONE, logs=stack.logs, limit_s=180)
    return migration_id


def assert_same(connect: Connect, schema: str) -> None:
    source, target = connect(SOURCE), connect(TARGET)
    ours, theirs = rows(source, schema, "_t_del"), rows(target, schema, "t")
    assert ours == theirs, first_difference(ours, theirs, [str(n) for n in range(MOST_COLUMNS)])
    assert checksum(source, schema, "_t_del") == checksum(target, schema, "t")


def test_a_table_of_1017_columns(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    kinds = [TYPES[number % len(TYPES)] for number in range(MOST_COLUMNS - 1)]
    columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(kinds))
    chance = random.Random(1)
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, {columns})")
        for row in range(40):
            values = [
                VALUES[number % len(VALUES)] if chance.random() < 0.6 else "NULL"
                for number in range(MOST_COLUMNS - 1)
            ]
            run(source, f"INSERT INTO {schema}.t VALUES ({row}, {', '.join(values)})")
    move(pools, schema, shared_stack, f"UPDATE {schema}.t SET c1015 = 3, c0 = c0 + 1, c7 = NULL")
    assert_same(connect, schema)


def test_rows_as_wide_as_a_row_may_be(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    with pools.begin(SOURCE) as source:
        run(
            source,
            f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, a VARCHAR(16000) NOT NULL,"
            " b VARBINARY(1510) NOT NULL) CHARACTER SET utf8mb4",
        )
        for row in range(5):
            run(
                source,
                f"INSERT INTO {schema}.t VALUES ({row}, REPEAT('😀', 16000), REPEAT('\\t', 1510))",
            )
    move(pools, schema, shared_stack, f"UPDATE {schema}.t SET b = REPEAT('\\\\', 1510)")
    assert_same(connect, schema)


@pytest.mark.long
def test_values_of_more_than_16_megabytes(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    """More than one packet of the protocol, and more than the length of a MEDIUMBLOB."""
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, b LONGBLOB, j JSON, c LONGTEXT)")
        run(source, f"INSERT INTO {schema}.t VALUES (1, REPEAT(x'00ff5c0a', 4300000), NULL, 'x')")
        run(source, f"INSERT INTO {schema}.t VALUES (2, x'', JSON_ARRAY(REPEAT('é', 5000000)), '')")
        run(source, f"INSERT INTO {schema}.t VALUES (3, NULL, '1.50', REPEAT('表', 6000000))")
    move(pools, schema, shared_stack, f"UPDATE {schema}.t SET id = id + 10, c = CONCAT(c, '!')")
    assert_same(connect, schema)


@pytest.mark.parametrize("kind", ["BIGINT", "BIGINT UNSIGNED"])
def test_keys_that_are_2_to_the_63_apart_are_chunked_evenly(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack, kind: str
) -> None:
    low, high = (0, 2**64 - 1) if "UNSIGNED" in kind else (-(2**63), 2**63 - 1)
    keys = [low, low + 1, *range(1000, 1200), 2**62, *range(high - 100, high + 1)]
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id {kind} PRIMARY KEY, v INT)")
        run(source, f"INSERT INTO {schema}.t VALUES {', '.join(f'({key}, 0)' for key in keys)}")
    during = f"UPDATE {schema}.t SET v = 1 WHERE id IN ({low}, {high}, 2000)"
    migration_id = move(pools, schema, shared_stack, during, chunk_rows=50)
    assert_same(connect, schema)
    counts = [count for count in _chunk_rows(pools, migration_id) if count]
    assert sum(counts) == len(keys)
    assert max(counts) <= 100
    assert len(counts) >= len(keys) // 100


def _chunk_rows(pools: Pools, migration_id: str) -> list[Any]:
    with pools.begin(TARGET) as target:
        found = run(
            target,
            "SELECT c.rows FROM tranship.chunks c JOIN tranship.migration_tables m"
            f" ON m.id = c.table_id WHERE m.migration_id = '{migration_id}'",
        ).rows
    return [row[0] for row in found]
