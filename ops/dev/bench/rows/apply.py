"""Apply a backlog of 200,000 random updates in 100 transactions, against others on the same log.

Each round writes one backlog, which every side then applies to a copy of the table of its own: on
the same target, but for gh-ost, which rebuilds the table in place. What that writes to the log
comes after the backlog, and is behind us before the next round.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ops.dev.bench.applying import apply_backlog, executed_on, ready_to_apply
from ops.dev.bench.in_turn import Side, in_turn, versus
from ops.dev.bench.lines import Line, at_least
from ops.dev.bench.peers.gh_ost import in_place, in_place_name
from ops.dev.bench.peers.peer import client, pipe, running
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import Deadline, Stand
from ops.dev.bench.tables import ORDERS, SCHEMA
from ops.dev.sandbox import process
from pipeline.mysql.gtid import GtidSet

_ROWS = 1_000_000
_UPDATES = 200_000
_TRANSACTIONS = 100
_OURS, _REPLAY, _GH_OST = "Tranship", "mysqlbinlog | mysql", "gh-ost"
_COPY_OF_REPLAY = f"replay.{ORDERS.name}"


@dataclass
class _Backlog:
    """What is to be applied: one file of the source's binary log."""

    stand: Stand
    rows: int
    updates: int
    file: str = ""
    number: int = 0  # of the backlog; the last update sets it on row 1
    executed: GtidSet = field(default_factory=GtidSet)  # with the backlog, and nothing later
    _chance: random.Random = field(default_factory=lambda: random.Random(2026))

    def write(self) -> None:
        self.number += 1
        each = self.updates // _TRANSACTIONS
        with self.stand.connect(self.stand.source) as connection, connection.cursor() as cursor:
            cursor.execute("FLUSH BINARY LOGS")
            cursor.execute("SHOW BINARY LOG STATUS")
            self.file = str(cursor.fetchall()[0][0])
            for _ in range(_TRANSACTIONS):
                ids = self._chance.sample(range(2, self.rows + 1), each)
                cursor.execute(self._update(",".join(map(str, ids))))
                connection.commit()
            cursor.execute(self._update("1"))
            connection.commit()
            cursor.execute("FLUSH BINARY LOGS")
        self.executed = executed_on(self.stand)

    def _update(self, ids: str) -> str:
        return (
            f"UPDATE {ORDERS.full_name} SET version = {self.number}, amount = amount + 1"
            f" WHERE id IN ({ids})"
        )


def _measure(bench: Bench) -> Iterator[Line]:
    rows, updates = bench.rows(_ROWS), bench.rows(_UPDATES)
    with bench.stand() as stand:
        stand.fill(ORDERS, rows)
        migration_id = ready_to_apply(stand, ORDERS)
        backlog = _Backlog(stand, rows, updates)
        sides: dict[str, Side] = {
            _OURS: lambda: updates / apply_backlog(stand, migration_id, backlog.executed),
            _REPLAY: lambda: updates / _replay(stand, backlog),
        }
        _make_copy(stand)
        with _gh_ost(stand, rows) as ghost:
            if ghost is not None:
                sides[_GH_OST] = lambda: updates / _apply_by(ghost, stand, backlog)

            def prepare() -> None:
                apply_backlog(stand, migration_id)  # what gh-ost has written is not ours to measure
                backlog.write()

            rates = in_turn(sides, bench.rounds, bench.say, prepare)
    yield versus(rates, _OURS, _REPLAY, at_least(1, aim=1.5), "updates/s")
    if _GH_OST in rates:
        yield versus(rates, _OURS, _GH_OST, at_least(2), "updates/s")


def _make_copy(stand: Stand) -> None:
    schema, _, _ = _COPY_OF_REPLAY.partition(".")
    stand.run(
        stand.target,
        f"CREATE DATABASE {schema}",
        f"CREATE TABLE {_COPY_OF_REPLAY} LIKE {ORDERS.full_name}",
        f"INSERT INTO {_COPY_OF_REPLAY} SELECT * FROM {ORDERS.full_name}",
    )


def _replay(stand: Stand, backlog: _Backlog) -> float:
    began = time.monotonic()
    schema, _, _ = _COPY_OF_REPLAY.partition(".")
    log = ("--read-from-remote-server", "--skip-gtids", backlog.file)
    pipe(
        client(stand, "mysqlbinlog", stand.source, f"--rewrite-db={SCHEMA}->{schema}", *log),
        client(stand, "mysql", stand.target, "--max-allowed-packet=256M"),
    )
    seconds = time.monotonic() - began
    if not _has_applied(stand, stand.target, _COPY_OF_REPLAY, backlog):
        raise SystemExit(f"{_COPY_OF_REPLAY} has not got the last update, whatever mysql said")
    return seconds


def _has_applied(stand: Stand, server: str, table: str, backlog: _Backlog) -> bool:
    query = f"SELECT version FROM {table} WHERE id = 1"
    return bool(stand.value(server, query) == backlog.number)


@contextmanager
def _gh_ost(stand: Stand, rows: int) -> Iterator[process.Identity | None]:
    """gh-ost, copied and stopped; None if it is not found."""
    if stand.programs.find("gh-ost") is None:
        yield None
        return
    flag = stand.stack.directory / "postpone"
    flag.touch()
    with running(in_place(stand, ORDERS, flag), stand.stack.directory / "gh-ost.log") as ghost:
        deadline = Deadline("gh-ost does not copy the table")
        while not stand.has_rows(stand.source, in_place_name(ORDERS), rows):
            deadline.pause(0.5)
        process.send(ghost, signal.SIGSTOP)
        yield ghost


def _apply_by(ghost: process.Identity, stand: Stand, backlog: _Backlog) -> float:
    began = time.monotonic()
    process.send(ghost, signal.SIGCONT)
    deadline = Deadline("gh-ost does not apply the backlog")
    while not _has_applied(stand, stand.source, in_place_name(ORDERS), backlog):
        deadline.pause()
    seconds = time.monotonic() - began
    process.send(ghost, signal.SIGSTOP)
    return seconds


ROW = Row(
    "apply",
    "apply a backlog of 200,000 random updates of 1 M rows, in 100 transactions",
    _measure,
    programs=("mysqlbinlog", "mysql", "gh-ost"),
    minutes=4,
)
