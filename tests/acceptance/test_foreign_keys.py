"""Tables that refer to each other move together, cascades and all, and end constrained."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pymysql
import pytest

from pipeline.commands import control
from pipeline.commands.clean_up import clean_up
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools
from tests.conftest import Connect
from tests.support.background import writing
from tests.support.moves import SOURCE, TARGET, begin_move, scalar, wait_for
from tests.support.stack import Stack
from tests.support.workload import differences

_DDL = (
    "CREATE TABLE {}.shop (id INT PRIMARY KEY, boss INT,"
    " CONSTRAINT a_boss FOREIGN KEY (boss) REFERENCES shop (id) ON DELETE SET NULL)",
    "CREATE TABLE {}.bill (id INT PRIMARY KEY, shop INT NOT NULL, KEY (shop),"
    " CONSTRAINT of_shop FOREIGN KEY (shop) REFERENCES shop (id)"
    " ON DELETE CASCADE ON UPDATE CASCADE)",
    "CREATE TABLE {}.line (bill INT, no INT, PRIMARY KEY (bill, no),"
    " CONSTRAINT of_bill FOREIGN KEY (bill) REFERENCES bill (id)"
    " ON DELETE CASCADE ON UPDATE CASCADE)",
)
TABLES = ["line", "shop", "bill"]  # children and parents in no order
# Duplicates, parents that are gone, deadlocks.
_PASSING = {1062, 1452, 1451, 1761, 1213, 1205}


def create(connection: pymysql.Connection[Any], schema: str) -> None:
    with connection.cursor() as cursor:
        for statement in _DDL:
            cursor.execute(statement.format(schema))
        for shop in range(40):
            cursor.execute(
                f"INSERT INTO {schema}.shop VALUES ({shop}, NULLIF({shop // 2}, {shop}))"
            )
            bills = ", ".join(f"({shop * 100 + number}, {shop})" for number in range(30))
            cursor.execute(f"INSERT INTO {schema}.bill VALUES {bills}")
        cursor.execute(f"INSERT INTO {schema}.line SELECT id, 1 FROM {schema}.bill")
        cursor.execute(f"INSERT INTO {schema}.line SELECT id, 2 FROM {schema}.bill")
    connection.commit()


def writer(connection: pymysql.Connection[Any], schema: str) -> Callable[[int], None]:
    chance = random.Random(7)
    statements = (
        "DELETE FROM {s}.shop WHERE id = {shop} AND id > 30",
        "INSERT INTO {s}.shop VALUES ({shop}, {other})",
        "UPDATE {s}.bill SET id = id + 50 WHERE id = {bill}",
        "DELETE FROM {s}.bill WHERE id = {bill}",
        "INSERT INTO {s}.bill VALUES ({bill}, {shop})", "INSERT INTO {s}.line VALUES ({bill}, 3)",
    )  # fmt: skip

    def write(_: int) -> None:
        shop, other = chance.randrange(40), chance.randrange(40)
        statement = chance.choice(statements)
        with connection.cursor() as cursor:
            cursor.execute(
                statement.format(s=schema, shop=shop, other=other, bill=chance.randrange(4000))
            )
        connection.commit()

    return write


def test_cascades_arrive_and_the_constraints_hold_on_the_target(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    create(connect(SOURCE), schema)
    with writing(writer(connect(SOURCE), schema), *_PASSING) as end:
        migration_id = begin_move(pools, schema, TABLES, chunk_rows=100, postponed=True)
        wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
        control.cut_over(pools, TARGET, migration_id, "test")
        wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
        end()
    source, target = connect(SOURCE), connect(TARGET)
    for table in TABLES:
        names = (f"{schema}._{table}_del", f"{schema}.{table}")
        assert differences(source, target, names) == []
    assert scalar(target, f"SELECT COUNT(*) FROM {schema}.bill") > 0
    orphans = f"SELECT COUNT(*) FROM {schema}.bill b LEFT JOIN {schema}.shop s ON s.id = b.shop"
    assert scalar(target, f"{orphans} WHERE s.id IS NULL") == 0
    with target.cursor() as cursor:
        with pytest.raises(pymysql.err.IntegrityError):
            cursor.execute(f"INSERT INTO {schema}.bill VALUES (99999, 99999)")
        shop = scalar(target, f"SELECT MIN(shop) FROM {schema}.bill")
        cursor.execute(f"DELETE FROM {schema}.shop WHERE id = {shop}")
        cursor.execute(f"SELECT COUNT(*) FROM {schema}.bill WHERE shop = {shop}")
        assert cursor.fetchone() == (0,)
    for connection in (source, target):
        connection.rollback()
    assert len(clean_up(pools, TARGET, migration_id, "test")) >= len(TABLES)
