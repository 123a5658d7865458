"""A random workload on three tables, and the comparison of both sides afterwards.

Four writers insert, update, delete, change primary keys, swap unique values between rows,
run multi-row transactions and roll some back. Each writer is a thread with its own
connection and its own seed; what it does depends on nothing but the seed and the data.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pymysql

TABLES = ("accounts", "orders", "words")

_DDL = (
    "CREATE TABLE {schema}.accounts (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,"
    " email VARCHAR(60) NOT NULL, balance DECIMAL(14,4) NOT NULL DEFAULT 0, ratio DOUBLE,"
    " note TEXT, seen TIMESTAMP(3) NULL, UNIQUE KEY (email), KEY (balance))",
    "CREATE TABLE {schema}.orders (shop INT NOT NULL, no INT NOT NULL, state ENUM('new','paid',"
    "'sent') NOT NULL, detail JSON, weight FLOAT, flags BIT(9), slot INT, made DATETIME(6) NOT"
    " NULL, twice INT AS (no * 2) STORED, PRIMARY KEY (shop, no), UNIQUE KEY (shop, slot))",
    "CREATE TABLE {schema}.words (word VARCHAR(40) COLLATE utf8mb4_unicode_520_ci NOT NULL PRIMARY"
    " KEY, hits BIGINT NOT NULL, raw VARBINARY(64), day DATE, old CHAR(10) CHARACTER SET latin1)",
)


def create_tables(connection: pymysql.Connection[Any], schema: str, rows: int) -> None:
    """The three tables with `rows` rows each to begin with."""
    with connection.cursor() as cursor:
        for ddl in _DDL:
            cursor.execute(ddl.format(schema=schema))
        numbers = (
            f"WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
        )
        mariadb = "MariaDB" in connection.get_server_info()
        limit = "max_recursive_iterations" if mariadb else "cte_max_recursion_depth"
        cursor.execute(f"SET SESSION {limit} = 10000000")
        cursor.execute(
            f"INSERT INTO {schema}.accounts (email, balance, ratio, note, seen) {numbers}"
            " SELECT CONCAT('u', i, '@x'), i / 7, IF(i % 5, 1 / i, NULL),"
            " IF(i % 3, CONCAT('tab\\tback\\\\slash\\nnew ', i, ' ☃'), NULL),"
            " IF(i % 4, '2024-03-31 01:30:00.125' + INTERVAL i SECOND, NULL) FROM n"
        )
        cursor.execute(
            f"INSERT INTO {schema}.orders (shop, no, state, detail, weight, flags, slot, made)"
            f" {numbers} SELECT i % 7, i, 1 + i % 3, JSON_OBJECT('i', i, 'half', i * 0.5e0),"
            " i * 1.1,"
            " i % 512, i, '2020-01-01' + INTERVAL i MICROSECOND FROM n"
        )
        cursor.execute(
            f"INSERT INTO {schema}.words (word, hits, raw, day, old) {numbers}"
            " SELECT CONCAT('w', i), i, UNHEX(LEFT(SHA2(i, 256), 40)), '2000-01-01' + INTERVAL i"
            " DAY, CHAR(0xE9 USING latin1) FROM n"
        )
    connection.commit()


@dataclass
class Workload:
    """Writers on one schema, until stopped or until the tables go away.

    Each gets its connection from `connect`, again after a lost one or a missing table.
    """

    connect: Callable[[], pymysql.Connection[Any]]
    schema: str
    rows: int
    seed: int
    writers: int = 4
    pause_s: float = 0.002
    commits: int = 0
    refusals: list[tuple[float, float]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    stop_at_refusal: bool = True
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> Workload:
        for number in range(self.writers):
            chance = random.Random(f"{self.seed}/{number}")
            thread = threading.Thread(target=self._run, args=(chance,), daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def stop(self) -> None:
        """Stop after the transaction at hand.

        Raises:
            the first error that a writer did not expect.
        """
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=30)
            assert not thread.is_alive(), "a writer hangs"
        if self.errors:
            raise self.errors[0]

    @property
    def ended(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, chance: random.Random) -> None:
        connection: pymysql.Connection[Any] | None = None
        refused_since = 0.0
        while not self._stopping.is_set():
            try:
                connection = connection or self.connect()
                self._transaction(connection, chance)
                with self._lock:
                    self.commits += 1
                    if refused_since:
                        self.refusals.append((refused_since, time.monotonic()))
                refused_since = 0.0
                time.sleep(chance.uniform(0, 2 * self.pause_s))
            except pymysql.err.MySQLError as error:
                if _gone(error):
                    refused_since = refused_since or time.monotonic()
                    if self.stop_at_refusal:
                        return
                    connection = _closed(connection)
                    time.sleep(0.01)
                elif _passing(error):
                    connection = _rolled_back(connection)
                else:
                    self.errors.append(error)
                    return

    def _transaction(self, connection: pymysql.Connection[Any], chance: random.Random) -> None:
        with connection.cursor() as cursor:
            for _ in range(chance.choice((1, 1, 2, 5))):
                chance.choice(_CHANGES)(cursor, self.schema, chance, self.rows)
        if chance.random() < 0.1:
            connection.rollback()
        else:
            connection.commit()


def _gone(error: pymysql.err.MySQLError) -> bool:
    return error.args[0] in (1146, 1109)


def _passing(error: pymysql.err.MySQLError) -> bool:
    # Deadlocks, lost connections, and the duplicates that random keys make.
    return error.args[0] in (1205, 1213, 1062, 2003, 2006, 2013, 1412, 1684, 0, 1053, 3024)


def _closed(connection: pymysql.Connection[Any] | None) -> None:
    if connection is not None and connection.open:
        connection.close()


def _rolled_back(connection: pymysql.Connection[Any] | None) -> pymysql.Connection[Any] | None:
    try:
        if connection is not None:
            connection.rollback()
        return connection
    except pymysql.err.MySQLError:
        return None


Change = Callable[[Any, str, random.Random, int], None]


def _insert_account(cursor: Any, schema: str, chance: random.Random, rows: int) -> None:
    cursor.executemany(
        f"INSERT INTO {schema}.accounts (email, balance, ratio, note) VALUES (%s, %s, %s, %s)",
        [
            (f"n{chance.randrange(10**9)}@y", chance.randrange(1000), chance.random(), "é\\\t\n'")
            for _ in range(chance.randrange(1, 6))
        ],
    )


def _update_account(cursor: Any, schema: str, chance: random.Random, rows: int) -> None:
    start = chance.randrange(1, rows + 1)
    cursor.execute(
        f"UPDATE {schema}.accounts SET balance = balance + 1, ratio = NULL, seen = NOW(3)"
        " WHERE id BETWEEN %s AND %s",
        (start, start + chance.randrange(8)),
    )


def _delete_account(cursor: Any, schema: str, chance: random.Random, rows: int) -> None:
    cursor.execute(f"DELETE FROM {schema}.accounts WHERE id = %s", (chance.randrange(1, rows + 1),))


def _swap_emails(cursor: Any, schema: str, chance: random.Random, rows: int) -> None:
    one, two = chance.sample(range(1, rows + 1), 2)
    cursor.execute(
        f"SELECT id, email FROM {schema}.accounts WHERE id IN (%s, %s) FOR UPDATE", (one, two)
    )
    found = dict(cursor.fetchall())
    if len(found) < 2:
        return
    for row, email in ((one, "swap@z" + str(one)), (two, found[one]), (one, found[two])):
        cursor.execute(f"UPDATE {schema}.accounts SET email = %s WHERE id = %s", (email, row))


def _move_order(cursor: Any, schema: str, chance: random.Random, rows: int) -> None:
    cursor.execute(
        f"UPDATE IGNORE {schema}.orders SET no = %s, slot = NULL WHERE shop = %s AND no = %s",
        (chance.randrange(2 * rows), chance.randrange(7), chance.randrange(2 * rows)),
    )
    number = chance.randrange(1, rows + 1)
    cursor.execute(
        f"UPDATE IGNORE {schema}.orders SET no = no + %s WHERE shop = %s AND no = %s",
        (chance.randrange(1, rows), number % 7, number),
    )


def _swap_slots(cursor: Any, schema: str, chance: random.Random, rows: int) -> None:
    one, two = (number * 7 for number in chance.sample(range(1, rows // 7), 2))
    for row, slot in ((one, None), (two, one), (one, two)):
        cursor.execute(
            f"UPDATE IGNORE {schema}.orders SET slot = %s, state = 'paid' WHERE shop = 0"
            " AND no = %s",
            (slot, row),
        )


def _churn_orders(cursor: Any, schema: str, chance: random.Random, rows: int) -> None:
    number, shop = chance.randrange(1, 2 * rows), chance.randrange(7)
    cursor.execute(f"DELETE FROM {schema}.orders WHERE shop = %s AND no = %s", (shop, number))
    cursor.execute(
        f"INSERT INTO {schema}.orders (shop, no, state, detail, weight, flags, made) VALUES"
        " (%s, %s, 'new', JSON_OBJECT('a', JSON_ARRAY(1, NULL, 'x\\\\y'), 'd', 1.25), 16777216,"
        " 511, NOW(6))",
        (shop, number),
    )


def _change_words(cursor: Any, schema: str, chance: random.Random, rows: int) -> None:
    word = f"w{chance.randrange(1, rows + 1)}"
    kind = chance.randrange(4)
    if kind == 0:
        cursor.execute(f"DELETE FROM {schema}.words WHERE word = %s", (word,))
    elif kind == 1:  # equal by collation, other bytes
        cursor.execute(f"UPDATE {schema}.words SET word = UPPER(word) WHERE word = %s", (word,))
    elif kind == 2:
        cursor.execute(
            f"REPLACE INTO {schema}.words (word, hits, raw, day) VALUES (%s, %s, %s, '2024-02-29')",
            (word.upper(), chance.randrange(10**12), bytes(range(64))),
        )
    else:
        cursor.execute(
            f"UPDATE IGNORE {schema}.words SET word = CONCAT(word, 'é'), hits = hits + 1"
            " WHERE word = %s",
            (word,),
        )


_CHANGES: tuple[Change, ...] = (
    _insert_account, _update_account, _update_account, _delete_account, _swap_emails,
    _move_order, _swap_slots, _churn_orders, _change_words, _change_words,
)  # fmt: skip


def differences(
    source: pymysql.Connection[Any],
    target: pymysql.Connection[Any],
    names: tuple[str, str],
    most: int = 5,
) -> list[str]:
    """Rows that differ between two tables, column by column as bytes; [] where none does."""
    ours, theirs = _rows(source, names[0]), _rows(target, names[1])
    if ours == theirs:
        return []
    only_source, only_target = ours - theirs, theirs - ours
    return [f"source only: {row}" for row in sorted(only_source, key=repr)[:most]] + [
        f"target only: {row}" for row in sorted(only_target, key=repr)[:most]
    ]


def _rows(connection: pymysql.Connection[Any], name: str) -> set[tuple[Any, ...]]:
    connection.rollback()  # a fresh snapshot
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION time_zone = '+00:00'")
        cursor.execute(f"SHOW COLUMNS FROM {name}")
        columns = ", ".join(f"HEX({column[0]}), {column[0]}" for column in cursor.fetchall())
        cursor.execute(f"SELECT {columns} FROM {name}")
        rows = cursor.fetchall()
    assert len(set(rows)) == len(rows)
    return set(rows)
