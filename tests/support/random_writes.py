"""Random writes to random tables: rows added, changed, moved to other keys, and deleted.

Sessions differ in what a session may choose: time zone, sql_mode, and whether its
transactions are compressed in the binary log.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pymysql

from tests.support.random_tables import RandomTable, quoted

# Duplicates, deadlocks and lock waits, values that a check or a range refuses.
_PASSING = {1062, 1205, 1213, 1264, 1292, 1366, 3140, 1526, 1406, 1690, 1048, 1265, 1364, 4025}
_GONE = {1146}
_ZONES = ("+00:00", "-07:00", "+05:45", "SYSTEM")


def fill(connection: pymysql.Connection[Any], schema: str, table: RandomTable, random: Random,
         rows: int) -> None:  # fmt: skip
    """Up to `rows` rows, as many as the key has room for."""
    with connection.cursor() as cursor:
        for _ in range(rows):
            _try(cursor, _insert(schema, table, random))
    connection.commit()


def _try(cursor: Any, statement: str) -> None:
    try:
        cursor.execute(statement)
    except pymysql.err.MySQLError as error:
        if error.args[0] not in _PASSING:
            raise AssertionError(f"{error}: {statement[:2000]}") from error


def _insert(schema: str, table: RandomTable, random: Random, verb: str = "INSERT") -> str:
    # Now and then a column is left to its default, which a key must not be.
    columns = [
        column for column in table.written
        if column.name in table.key or random.random() < 0.95 or "NOT NULL" in column.definition
    ]  # fmt: skip
    names = ", ".join(quoted(column.name) for column in columns)
    values = ", ".join(column.value(random) for column in columns if column.value)
    return f"{verb} INTO {quoted(schema)}.{quoted(table.name)} ({names}) VALUES ({values})"


def _update(schema: str, table: RandomTable, random: Random) -> str:
    column = random.choice(table.written)
    assert column.value is not None
    name = quoted(column.name)
    value = column.value(random)
    if column.json and random.random() < 0.5:
        value = f"JSON_SET({name}, '$.a', {random.randint(0, 999)}, '$[0]', 'x')"
    where = (
        " LIMIT 1" if column.name in table.key else f" ORDER BY RAND() LIMIT {random.randint(1, 5)}"
    )
    return f"UPDATE IGNORE {quoted(schema)}.{quoted(table.name)} SET {name} = {value}{where}"


def _delete(schema: str, table: RandomTable, random: Random) -> str:
    return f"DELETE FROM {quoted(schema)}.{quoted(table.name)} ORDER BY RAND() LIMIT 2"


def change(cursor: Any, schema: str, table: RandomTable, random: Random) -> None:
    """One random statement."""
    kind = random.random()
    if kind < 0.35:
        _try(cursor, _insert(schema, table, random))
    elif kind < 0.45:
        _try(cursor, _insert(schema, table, random, "REPLACE"))
    elif kind < 0.85:
        _try(cursor, _update(schema, table, random))
    else:
        _try(cursor, _delete(schema, table, random))


@dataclass
class RandomWriter:
    """One session that writes to all tables until they are renamed away."""

    connect: Callable[[], pymysql.Connection[Any]]
    schema: str
    tables: list[RandomTable]
    seed: str
    flavour: str = "mysql"
    transactions: int = 0
    error: BaseException | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> RandomWriter:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        assert self._thread is not None
        self._thread.join(timeout=30)
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        random = Random(self.seed)
        try:
            connection = self.connect()
            with connection.cursor() as cursor:
                set_up(cursor, random, self.flavour)
                while not self._stopping.is_set():
                    self._transaction(connection, cursor, random)
                    self.transactions += 1
                    time.sleep(0.005)
        except BaseException as error:
            cause = error.__cause__ or error
            if not cause.args or cause.args[0] not in _GONE:
                self.error = error

    def _transaction(self, connection: Any, cursor: Any, random: Random) -> None:
        for _ in range(random.choice((1, 1, 3, 8))):
            change(cursor, self.schema, random.choice(self.tables), random)
        if random.random() < 0.1:
            connection.rollback()
        else:
            connection.commit()


def set_up(cursor: Any, random: Random, flavour: str) -> None:
    """What a session may choose."""
    mode = random.choice(("", "", "ALLOW_INVALID_DATES", "PAD_CHAR_TO_FULL_LENGTH"))
    if flavour == "mariadb" or mode != "PAD_CHAR_TO_FULL_LENGTH":
        cursor.execute(f"SET SESSION sql_mode = '{mode},NO_AUTO_VALUE_ON_ZERO'")
    cursor.execute(f"SET SESSION time_zone = '{random.choice(_ZONES)}'")
    if flavour == "mysql":
        compressed = random.choice((0, 0, 1))
        cursor.execute(f"SET SESSION binlog_transaction_compression = {compressed}")
