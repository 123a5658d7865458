"""Starts alters, and says what the server itself would have made of a table."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pymysql
import pytest

from pipeline.commands.start import start
from pipeline.domain.names import alter_retired_name
from pipeline.domain.request import AlterRequest
from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.table import TableName
from tests.support.comparison import definition, rows
from tests.support.moves import TARGET
from tests.support.random_tables import quoted

SERVER = TARGET  # its control schema is where the other tests' migrations are too
# A table of many types, a row of it, and changes of it.
TABLE = (
    "CREATE TABLE {}.t (id INT NOT NULL, a SMALLINT, b VARCHAR(30) CHARACTER SET latin1,"
    " d DECIMAL(8,2), e ENUM('x','y'), f FLOAT, g INT AS (a * 2) STORED, j JSON,"
    " m DATETIME(3), o DOUBLE, p BIT(4), q TEXT, r VARBINARY(9), s SET('u','w'), y INT NOT NULL,"
    " PRIMARY KEY (id), UNIQUE KEY by_y (y), KEY by_b (b))"
)
ROW = (
    "INSERT INTO {}.t (id, a, b, d, e, f, j, m, o, p, q, r, s, y) VALUES ({n}, {n} % 100,"
    " CONCAT('caf', CHAR(233 USING latin1), {n}), {n} / 8, 1 + {n} % 2, {n} / 7, JSON_OBJECT('n',"
    " {n}, 'd', {n} * 1.10), '2024-01-01 00:00:00.125' + INTERVAL {n} SECOND, {n} / 3, {n} % 16,"
    " REPEAT('q', {n} % 50), UNHEX('00ff'), {n} % 4, -{n})"
)
CHANGES = (
    "ADD COLUMN c INT NOT NULL, ADD COLUMN c2 VARCHAR(9) NOT NULL DEFAULT 'é' FIRST",
    "MODIFY a BIGINT NOT NULL, MODIFY d DECIMAL(20,6), MODIFY e ENUM('w','x','y')",
    "DROP COLUMN q, DROP INDEX by_b, ADD INDEX new_one (b, a)",
    "CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci",
    "MODIFY f DOUBLE, MODIFY m DATETIME(6), MODIFY o DOUBLE NOT NULL",
    "MODIFY id BIGINT UNSIGNED, MODIFY p BIT(9), MODIFY r VARBINARY(90), MODIFY a INT AFTER q",
    "DROP PRIMARY KEY, ADD COLUMN new_id BIGINT NOT NULL DEFAULT 5, ADD KEY (id)",
    "ADD COLUMN h INT AS (a + 1) VIRTUAL, ADD INDEX (h), DROP COLUMN g",
    "DROP INDEX by_y PARTITION BY HASH (id) PARTITIONS 3",
    "MODIFY a VARCHAR(10), MODIFY q LONGTEXT CHARACTER SET utf16, MODIFY y DECIMAL(12) NOT NULL",
    "ENGINE=InnoDB, ROW_FORMAT=COMPRESSED, COMMENT='it''s, done'",
)


def begin_alter(
    pools: Pools,
    schema: str,
    table: str,
    ddl: str,
    *,
    postponed: bool = False,
    **others: Any,
) -> str:
    """Start an alter as the command line does; skips where the server is refused."""
    skip_on_mariadb(pools)
    # A loaded machine is slow, and not what is being tested.
    chosen = {"chunk_rows": 200, "lock_timeout_s": 20.0, **others}
    request = alter_request(schema, table, ddl, postpone_cut_over=postponed, **chosen)
    return start(pools, request, "test")


def skip_on_mariadb(pools: Pools) -> None:
    """A test of alters has nothing to do there: each is refused."""
    with pools.begin(SERVER) as server:
        if is_mariadb(server):
            pytest.skip("MariaDB does not show what a rename waits for")


def alter_request(schema: str, table: str, ddl: str, **others: Any) -> AlterRequest:
    """An alter of a table on the server that has the tests' control schema."""
    return AlterRequest(server=SERVER, table=TableName(schema, table), change=ddl, **others)


def differences_from_native(
    connection: pymysql.Connection[Any], schema: str, table: str, ddl: str
) -> list[str]:
    """Where the rebuilt table is not what ALTER TABLE makes of the old one."""
    old, wanted = alter_retired_name(TableName(schema, table)).name, "native copy"
    with connection.cursor() as cursor:
        # What any session may have written, and what ours write by.
        cursor.execute("SET SESSION time_zone = '+00:00', foreign_key_checks = 0")
        cursor.execute("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'")
        cursor.execute(f"DROP TABLE IF EXISTS {schema}.`{wanted}`")
        cursor.execute(f"CREATE TABLE {schema}.`{wanted}` LIKE {schema}.{quoted(old)}")
        columns, values = _plain(cursor, schema, old)
        cursor.execute(
            f"INSERT INTO {schema}.`{wanted}` ({columns})"
            f" SELECT {values} FROM {schema}.{quoted(old)}"
        )
        cursor.execute(f"ALTER TABLE {schema}.`{wanted}` {ddl}")
    connection.commit()
    found = []
    ours, theirs = (_shape(connection, schema, name) for name in (table, wanted))
    if ours != theirs:
        found.append(f"{ours} instead of {theirs}")
    here, there = (rows(connection, schema, name) for name in (table, wanted))
    found += [f"missing {row}" for row in list((there - here).elements())[:5]]
    found += [f"too many {row}" for row in list((here - there).elements())[:5]]
    connection.commit()  # or the next call, and a clean-up, would wait for it
    return found


def _shape(connection: pymysql.Connection[Any], schema: str, name: str) -> str:
    """The definition without the table's name, which the names of its checks hold too."""
    text = definition(connection, schema, name)
    head, _, rest = text.partition("(")
    assert quoted(name) in head + rest
    return re.sub(r"CONSTRAINT `(?:[^`]|``)*_chk_(\d+)`", r"CONSTRAINT \1", rest)


def _plain(cursor: Any, schema: str, table: str) -> tuple[str, str]:
    """The columns that can be written, and their values: members by number, not by label."""
    cursor.execute(
        "SELECT column_name, data_type IN ('enum', 'set')"
        " FROM information_schema.columns WHERE table_schema = %s AND"
        " table_name = %s AND extra NOT LIKE '%% GENERATED%%' ORDER BY ordinal_position",
        (schema, table),
    )
    found = cursor.fetchall()
    values = (
        f"CAST({quoted(name)} AS UNSIGNED)" if members else quoted(name) for name, members in found
    )
    return ", ".join(quoted(name) for name, _ in found), ", ".join(values)


@dataclass
class Bookkeeper:
    """Writers of `id` and `v` that know what each row has to hold: each has its own ids.

    An answer that was lost leaves two possible truths for one row, and both are remembered.
    """

    connect: Callable[[], pymysql.Connection[Any]]
    table: str
    rows: int
    seed: int
    writers: int = 4
    pause_s: float = 0.01
    first: int = 1  # their lowest id
    truth: dict[int, set[str | None]] = field(default_factory=dict)
    written: int = 0
    longest_s: float = 0.0
    errors: list[BaseException] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> Bookkeeper:
        for number in range(self.writers):
            chance = random.Random(f"{self.seed}/{number}")
            thread = threading.Thread(target=self._run, args=(number, chance), daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=30)
            assert not thread.is_alive(), "a writer hangs"
        if self.errors:
            raise self.errors[0]

    def broken_promises(self, connection: pymysql.Connection[Any]) -> list[str]:
        """Rows that are not what was acknowledged."""
        connection.rollback()
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT id, v FROM {self.table}")
            found = dict(cursor.fetchall())
        return [
            f"{number}: {found.get(number)!r} instead of {wanted}"
            for number, wanted in sorted(self.truth.items())
            if found.get(number) not in wanted
        ] + [f"{number}: nobody wrote it" for number in found if number not in self.truth]

    def _run(self, writer: int, chance: random.Random) -> None:
        connection: pymysql.Connection[Any] | None = None
        while not self._stopping.is_set():
            number = chance.randrange(2 * self.rows) * self.writers + writer + self.first
            value = f"w{chance.randrange(10**9)}"
            wanted = None if chance.random() < 0.3 else value
            try:
                connection = connection or self.connect()
                self._write(connection, number, wanted)
            except pymysql.err.ProgrammingError as error:  # 1146: the table is missing
                self.errors.append(error)
                return
            except (pymysql.err.MySQLError, OSError, AttributeError) as error:
                connection = None
                if not self._passing(error):
                    self.errors.append(error)
                    return
                self.truth[number] = self.truth.get(number, {None}) | {wanted}
                time.sleep(0.05)
                continue
            self.truth[number] = {wanted}
            self.written += 1
            time.sleep(self.pause_s)

    def _passing(self, error: BaseException) -> bool:
        """Lost connections (the driver's reader may be gone too), and a lock that is waited for."""
        code = error.args[0] if error.args else 0
        return isinstance(error, OSError | AttributeError) or code in (
            0,
            1205,
            1213,
            2003,
            2006,
            2013,
            1053,
            1317,
        )

    def _write(self, connection: pymysql.Connection[Any], number: int, value: str | None) -> None:
        began = time.monotonic()
        with connection.cursor() as cursor:
            if value is None:
                cursor.execute(f"DELETE FROM {self.table} WHERE id = {number}")
            else:
                cursor.execute(
                    f"INSERT INTO {self.table} (id, v) VALUES ({number}, '{value}')"
                    f" ON DUPLICATE KEY UPDATE v = '{value}'"
                )
        connection.commit()
        self.longest_s = max(self.longest_s, time.monotonic() - began)


def make_table(
    connection: pymysql.Connection[Any], schema: str, name: str, number: int
) -> dict[int, set[str | None]]:
    """A table of `number` rows, and what they hold."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {schema}")
        cursor.execute(
            f"CREATE TABLE {schema}.`{name}` (id BIGINT AUTO_INCREMENT PRIMARY KEY,"
            " v VARCHAR(20) CHARACTER SET latin1, n INT NULL)"
        )
        values = [f"({each}, 'w{each}', {each % 7})" for each in range(1, number + 1)]
        for start in range(0, number, 1000):
            cursor.execute(
                f"INSERT INTO {schema}.`{name}` VALUES {', '.join(values[start : start + 1000])}"
            )
    connection.commit()
    return {each: {f"w{each}"} for each in range(1, number + 1)}


def leftovers(pools: Pools, schema: str) -> list[str]:
    """The tables that there are."""
    with pools.begin(SERVER) as server:
        return [str(row[0]) for row in run(server, f"SHOW TABLES FROM {schema}").rows]
