"""A writer that remembers what was acknowledged, beside a `Workload` on the same three tables.

Its rows are its own, so each of them is, in the end, as its last acknowledged write has left it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pymysql

_ROWS = 50
_STATEMENTS = (
    "REPLACE INTO {s}.accounts (id, email, note) VALUES (1000000 + {n}, 'j{n}', '{v}')",
    "REPLACE INTO {s}.orders (shop, no, state, made, slot) VALUES (99, {n}, 'new', NOW(6), {v})",
    "REPLACE INTO {s}.words (word, hits) VALUES ('j{n}', {v})",
)
_READ = (
    "SELECT id - 1000000, CAST(note AS SIGNED) FROM {s}.accounts WHERE id >= 1000000",
    "SELECT no, slot FROM {s}.orders WHERE shop = 99",
    "SELECT CAST(SUBSTRING(word, 2) AS SIGNED), hits FROM {s}.words WHERE word LIKE 'j%'",
)


@dataclass
class Journal:
    """One writing thread; each transaction writes one number to all three tables."""

    connect: Callable[[], pymysql.Connection[Any]]
    schema: str
    acknowledged: dict[int, int] = field(default_factory=dict)
    in_doubt: dict[int, int] = field(default_factory=dict)  # the commit was sent, and not answered
    version: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self) -> Journal:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(timeout=30)
        assert not self._thread.is_alive(), "the journal hangs"

    def _run(self) -> None:
        connection: pymysql.Connection[Any] | None = None
        while not self._stopping.is_set():
            self.version += 1
            number = self.version % _ROWS
            try:
                connection = connection or self.connect()
                self._transaction(connection, number)
            except pymysql.err.MySQLError:
                if connection is not None and connection.open:
                    connection.close()
                connection = None
            self._stopping.wait(0.003)

    def _transaction(self, connection: pymysql.Connection[Any], number: int) -> None:
        with connection.cursor() as cursor:
            for statement in _STATEMENTS:
                cursor.execute(statement.format(s=self.schema, n=number, v=self.version))
        self.in_doubt[number] = self.version
        connection.commit()
        self.acknowledged[number] = self.version
        del self.in_doubt[number]

    def broken(self, connection: pymysql.Connection[Any]) -> list[str]:
        """Acknowledged writes that are missing, or not as they were acknowledged."""
        connection.rollback()
        found = []
        for statement in _READ:
            with connection.cursor() as cursor:
                cursor.execute(statement.format(s=self.schema))
                rows = cursor.fetchall()
            there = {int(row[0]): int(row[1]) for row in rows}
            assert len(there) == len(rows)
            found += [
                f"{number}: {version} was acknowledged, {there.get(number)} is there"
                for number, version in self.acknowledged.items()
                if there.get(number) not in (version, self.in_doubt.get(number, version))
            ]
        return found
