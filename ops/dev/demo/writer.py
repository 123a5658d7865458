"""An application that never stops writing, and remembers what was acknowledged.

It inserts, updates and deletes in both tables, in short transactions, on the server that the
file `writes-to` names; the on-success hook changes that file. For every row that it has
changed it remembers the version of the last acknowledged transaction, or that it is deleted.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql

from ops.dev.demo.tables import CUSTOMER_ROWS, CUSTOMERS, ORDERS, SCHEMA

Key = tuple[str, int]
_PAUSE_S = 0.001
_PROBE = f"UPDATE {SCHEMA}.{CUSTOMERS} SET version = version WHERE id = 1"


@dataclass
class Writer:
    """One writing thread. `errors` holds unexpected errors; there should be none."""

    connect: Callable[[str], pymysql.Connection[Any]]
    writes_to: Path
    rows: int
    acknowledged: dict[Key, int | None] = field(default_factory=dict)
    transactions: int = 0
    refused_s: list[float] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    has_moved: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _chance: random.Random = field(default_factory=lambda: random.Random(2026))

    def start(self) -> None:
        self._thread = threading.Thread(target=self._guarded, name="writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self.go_on.set()
        self._thread.join(timeout=30)

    def _guarded(self) -> None:
        try:
            self._run()
        except Exception as error:  # reported at the end, wherever it comes from
            self.errors.append(error)

    def _run(self) -> None:
        server = self.writes_to.read_text()
        connection = self.connect(server)
        next_id = self.rows + 1
        while not self._stopping.is_set():
            try:
                next_id = self._transaction(connection, next_id)
            except pymysql.err.ProgrammingError as error:
                if error.args[0] != 1146:  # no such table: it is being moved
                    raise
                connection.close()
                connection = self._reconnect()
            except pymysql.err.OperationalError as error:
                if error.args[0] != 1213:  # a deadlock with the rename is like any other
                    raise
                connection.rollback()
            time.sleep(_PAUSE_S)

    def _transaction(self, connection: pymysql.Connection[Any], next_id: int) -> int:
        """Insert one order, update some rows, now and then delete one; then commit."""
        version = self.transactions + 1
        changes: dict[Key, int | None] = {}
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {SCHEMA}.{ORDERS} (id, customer, amount, note, detail, made, version)"
                " VALUES (%s, 1, 9.99, 'new ☃', '{\"new\": [1.5, null]}', NOW(6), %s)",
                (next_id, version),
            )
            changes[ORDERS, next_id] = version
            for table, last in ((ORDERS, self.rows), (CUSTOMERS, CUSTOMER_ROWS)):
                number = self._chance.randint(1, last)
                if cursor.execute(
                    f"UPDATE {SCHEMA}.{table} SET version = %s WHERE id = %s", (version, number)
                ):
                    changes[table, number] = version
            if self._chance.random() < 0.2:
                number = self._chance.randint(1, next_id)
                if cursor.execute(f"DELETE FROM {SCHEMA}.{ORDERS} WHERE id = %s", (number,)):
                    changes[ORDERS, number] = None
        connection.commit()
        self.acknowledged.update(changes)
        self.transactions += 1
        return next_id + 1

    def _reconnect(self) -> pymysql.Connection[Any]:
        """From the first refused write until one succeeds; on the new server wait for `go_on`."""
        since = time.monotonic()
        while True:
            server = self.writes_to.read_text()
            connection = self.connect(server)
            try:
                with connection.cursor() as cursor:
                    cursor.execute(_PROBE)  # takes a lock, but writes nothing
                connection.commit()
            except pymysql.err.ProgrammingError:
                connection.close()
                time.sleep(0.005)
                continue
            self.refused_s.append(time.monotonic() - since)
            if server == "new":
                self.has_moved.set()
                self.go_on.wait()
            return connection
