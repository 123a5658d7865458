"""Apply a backlog of 200,000 random updates in 100 transactions, against others on the same log.

Each round writes one backlog, which every side then applies to a copy of the table of its own, on
the same target.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ops.dev.bench.applying import apply_backlog, ready_to_apply
from ops.dev.bench.in_turn import Side, in_turn, versus
from ops.dev.bench.lines import Line, at_least
from ops.dev.bench.peers.gh_ost import move_tables
from ops.dev.bench.peers.peer import client, pipe, running
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import Deadline, Stand
from ops.dev.bench.tables import ORDERS, SCHEMA
from ops.dev.sandbox import process

_ROWS = 1_000_000
_UPDATES = 200_000
_TRANSACTIONS = 100
_OURS, _REPLAY, _GH_OST = "Tranship", "mysqlbinlog | mysql", "gh-ost"
_COPY_OF_REPLAY = "replay"
_COPY_OF_GH_OST = "ghost"


@dataclass
class _Backlog:
    """What is to be applied: one file of the source's binary log."""

    stand: Stand
    rows: int
    updates: int
    file: str = ""
    number: int = 0  # of the backlog; the last update sets it on row 1
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
            _OURS: lambda: updates / apply_backlog(stand, migration_id),
            _REPLAY: lambda: updates / _replay(stand, backlog),
        }
        _make_copy(stand)
        with _gh_ost(stand, rows) as ghost:
            if ghost is not None:
                sides[_GH_OST] = lambda: updates / _apply_by(ghost, stand, backlog)
            rates = in_turn(sides, bench.rounds, bench.say, prepare=backlog.write)
    yield versus(rates, _OURS, _REPLAY, at_least(1, aim=1.5), "updates/s")
    if _GH_OST in rates:
        yield versus(rates, _OURS, _GH_OST, at_least(2), "updates/s")


def _make_copy(stand: Stand) -> None:
    copy = f"{_COPY_OF_REPLAY}.{ORDERS.name}"
    stand.run(
        stand.target,
        f"CREATE DATABASE {_COPY_OF_REPLAY}",
        f"CREATE TABLE {copy} LIKE {ORDERS.full_name}",
        f"INSERT INTO {copy} SELECT * FROM {ORDERS.full_name}",
    )


def _replay(stand: Stand, backlog: _Backlog) -> float:
    began = time.monotonic()
    log = ("--read-from-remote-server", "--skip-gtids", backlog.file)
    pipe(
        client(
            stand, "mysqlbinlog", stand.source, f"--rewrite-db={SCHEMA}->{_COPY_OF_REPLAY}", *log
        ),
        client(stand, "mysql", stand.target, "--max-allowed-packet=256M"),
    )
    seconds = time.monotonic() - began
    _refuse_behind(stand, _COPY_OF_REPLAY, backlog.number)
    return seconds


def _refuse_behind(stand: Stand, schema: str, number: int) -> None:
    """
    Raises:
        SystemExit: it has not applied the backlog, whatever it said.
    """
    if not _has_applied(stand, schema, number):
        raise SystemExit(f"{schema}.{ORDERS.name} has not got the last update")


def _has_applied(stand: Stand, schema: str, number: int) -> bool:
    query = f"SELECT version FROM {schema}.{ORDERS.name} WHERE id = 1"
    return bool(stand.value(stand.target, query) == number)


@contextmanager
def _gh_ost(stand: Stand, rows: int) -> Iterator[process.Identity | None]:
    """gh-ost, copied and stopped; None if it is not found."""
    if stand.programs.find("gh-ost") is None:
        yield None
        return
    stand.run(stand.target, f"CREATE DATABASE {_COPY_OF_GH_OST}")
    flag = stand.stack.directory / "postpone"
    flag.touch()
    command = move_tables(
        stand, ORDERS, f"--target-database={_COPY_OF_GH_OST}",
        f"--postpone-cut-over-flag-file={flag}",
    )  # fmt: skip
    with running(command, stand.stack.directory / "gh-ost.log") as ghost:
        deadline = Deadline("gh-ost does not copy the table")
        while not stand.has_rows(stand.target, f"{_COPY_OF_GH_OST}.{ORDERS.name}", rows):
            deadline.pause(0.5)
        process.send(ghost, signal.SIGSTOP)
        yield ghost


def _apply_by(ghost: process.Identity, stand: Stand, backlog: _Backlog) -> float:
    began = time.monotonic()
    process.send(ghost, signal.SIGCONT)
    deadline = Deadline("gh-ost does not apply the backlog")
    while not _has_applied(stand, _COPY_OF_GH_OST, backlog.number):
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
