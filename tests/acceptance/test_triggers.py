"""Triggers arrive, and none of our own writes fires one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pymysql
import pytest

from pipeline.commands import control
from pipeline.commands.start import start
from pipeline.domain.request import MoveRequest
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.table import TableName
from pipeline.mysql.triggers import read_triggers
from tests.conftest import Connect
from tests.support.background import writing
from tests.support.moves import SOURCE, TARGET, move_request, scalar, wait_for
from tests.support.stack import Stack
from tests.support.workload import differences

ROWS = 1500


def create(connection: pymysql.Connection[Any], schema: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"USE {schema}")
        cursor.execute("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40), n INT DEFAULT 0)")
        cursor.execute("CREATE TABLE audit (no INT AUTO_INCREMENT PRIMARY KEY, what TEXT)")
        cursor.execute("SET NAMES latin1")
        cursor.execute("SET sql_mode = 'PIPES_AS_CONCAT'")
        cursor.execute(
            "CREATE TRIGGER mark BEFORE INSERT ON t FOR EACH ROW SET NEW.v = NEW.v || 'é'".encode(
                "latin-1"
            )
        )
        cursor.execute("CREATE TRIGGER mark2 BEFORE INSERT ON t FOR EACH ROW SET NEW.n = NEW.n + 1")
        cursor.execute(
            "CREATE TRIGGER log_it AFTER UPDATE ON t FOR EACH ROW BEGIN"
            " INSERT INTO audit (what) VALUES (NEW.id || ' is ' || NEW.v); END"
        )
        rows = ", ".join(f"({number}, 'x')" for number in range(ROWS))
        cursor.execute(f"INSERT INTO t (id, v) VALUES {rows}")
    connection.commit()


def writer(connection: pymysql.Connection[Any], schema: str) -> Callable[[int], None]:
    def write(number: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {schema}.t (id, v) VALUES ({ROWS + number}, 'y')")
            cursor.execute(f"UPDATE {schema}.t SET v = 'z' WHERE id = {number % ROWS}")
        connection.commit()

    return write


def request(schema: str, *, with_triggers: bool, postponed: bool = False) -> MoveRequest:
    return move_request(
        schema, "t", "audit",
        with_triggers=with_triggers, postpone_cut_over=postponed, chunk_rows=200,
    )  # fmt: skip


def test_triggers_are_created_on_the_target_and_never_fired_by_the_move(
    pools: Pools, connect: Connect, schema: str, shared_stack: Stack
) -> None:
    create(connect(SOURCE), schema)
    asked = request(schema, with_triggers=True, postponed=True)
    with pools.begin(SOURCE) as link:
        before = read_triggers(link, TableName(schema, "t"))
    with writing(writer(connect(SOURCE), schema), 1205, 1213) as end:
        migration_id = start(pools, asked, "test")
        wait_for(pools, migration_id, Stage.READY, logs=shared_stack.logs)
        control.cut_over(pools, TARGET, migration_id, "test")
        wait_for(pools, migration_id, Stage.DONE, logs=shared_stack.logs)
        end()
    source, target = connect(SOURCE), connect(TARGET)
    for table in ("t", "audit"):
        assert differences(source, target, (f"{schema}._{table}_del", f"{schema}.{table}")) == []
    assert scalar(target, f"SELECT COUNT(*) FROM {schema}.audit") > 0
    with pools.begin(TARGET) as link:
        assert read_triggers(link, TableName(schema, "t")) == before
    assert [trigger.name for trigger in before] == ["mark", "mark2", "log_it"]
    with target.cursor() as cursor:
        cursor.execute("SET NAMES utf8mb4")
        cursor.execute(f"INSERT INTO {schema}.t (id, v) VALUES (-1, 'new')")
        cursor.execute(f"SELECT v, n FROM {schema}.t WHERE id = -1")
        assert cursor.fetchone() == ("newé", 1)


def test_triggers_that_nobody_asked_for_are_refused_by_name(
    pools: Pools, connect: Connect, schema: str
) -> None:
    create(connect(SOURCE), schema)
    with pytest.raises(RefusedError, match=r"log_it, mark, mark2.*`with_triggers=True`"):
        start(pools, request(schema, with_triggers=False), "test")


def test_a_trigger_on_the_target_would_be_fired_and_is_refused(
    pools: Pools, connect: Connect, schema: str
) -> None:
    create(connect(SOURCE), schema)
    with pools.begin(TARGET) as target:
        run(target, f"CREATE DATABASE {schema}")
        run(target, f"USE {schema}")
        run(target, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40), n INT DEFAULT 0)")
        run(target, "CREATE TRIGGER early BEFORE INSERT ON t FOR EACH ROW SET NEW.n = 5")
    with pytest.raises(RefusedError, match=r"has triggers \(early\), which our writes would fire"):
        start(pools, request(schema, with_triggers=True), "test")
