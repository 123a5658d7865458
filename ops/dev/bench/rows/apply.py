"""Apply a backlog of 200,000 random updates in 100 transactions, against others on the same log.

Each round writes one backlog, which every side then applies to a copy of the table of its own: on
the same target, but for gh-ost, which rebuilds the table in place, on the source. What gh-ost
writes to the log comes after what the others read of it, and both we and gh-ost itself have read it
before the next round.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

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
_OURS, _REPLAY, _GH_OST = "Tranship", "mysqlbinlog | mysql", "gh-ost in place"
_REPLAY_SCHEMA = "replay"
_COPY_OF_REPLAY = f"{_REPLAY_SCHEMA}.{ORDERS.name}"


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
        each = self.updates // _TRANSACTIONS
        with self.stand.connect(self.stand.source) as connection, connection.cursor() as cursor:
            cursor.execute("FLUSH BINARY LOGS")
            cursor.execute("SHOW BINARY LOG STATUS")
            self.file = str(cursor.fetchall()[0][0])
            self.number += 1
            for _ in range(_TRANSACTIONS):
                ids = self._chance.sample(range(2, self.rows + 1), each)
                cursor.execute(self._update(",".join(map(str, ids))))
                connection.commit()
            cursor.execute(self._update("1"))
            connection.commit()
            cursor.execute("FLUSH BINARY LOGS")
        self.executed = executed_on(self.stand)

    def mark(self) -> None:
        """Write one row, so that one can see who has got to the end of the log."""
        self.number += 1
        self.stand.run(self.stand.source, self._update("1"))

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
            last: dict[str, Side] = {}
            if ghost is not None:
                last[_GH_OST] = lambda: updates / _apply_by(ghost, stand, backlog)

            def prepare() -> None:
                if ghost is not None:
                    backlog.mark()
                    _apply_by(ghost, stand, backlog)
                    apply_backlog(stand, migration_id)
                backlog.write()

            rates = in_turn(sides, bench.rounds, bench.say, prepare, last)
    yield versus(rates, _OURS, _REPLAY, at_least(1, aim=1.5), "updates/s")
    if _GH_OST in rates:
        yield versus(rates, _OURS, _GH_OST, at_least(2), "updates/s")


def _make_copy(stand: Stand) -> None:
    stand.run(
        stand.target,
        f"CREATE DATABASE {_REPLAY_SCHEMA}",
        f"CREATE TABLE {_COPY_OF_REPLAY} LIKE {ORDERS.full_name}",
        f"INSERT INTO {_COPY_OF_REPLAY} SELECT * FROM {ORDERS.full_name}",
    )


def _replay(stand: Stand, backlog: _Backlog) -> float:
    began = time.monotonic()
    renamed = f"--rewrite-db={SCHEMA}->{_REPLAY_SCHEMA}"
    log = ("--read-from-remote-server", "--skip-gtids", backlog.file)
    pipe(
        client(stand, "mysqlbinlog", stand.source, renamed, *log),
        client(stand, "mysql", stand.target, "--max-allowed-packet=256M"),
    )
    seconds = time.monotonic() - began
    if stand.value(stand.target, _version(_COPY_OF_REPLAY)) != backlog.number:
        raise SystemExit(f"{_COPY_OF_REPLAY} has not got the last update, whatever mysql said")
    return seconds


def _version(table: str) -> str:
    """The query for the number of the last backlog that the table has got."""
    return f"SELECT version FROM {table} WHERE id = 1"


@dataclass(frozen=True)
class _GhOst:
    """A running gh-ost, stopped (SIGSTOP) for as long as it is not its turn."""

    identity: process.Identity
    log: Path

    def wait(self, is_done: Callable[[], bool], pause_s: float, what: str) -> None:
        """
        Raises:
            SystemExit: it has ended, or takes too long.
        """
        deadline = Deadline(f"gh-ost does not {what}")
        while not is_done():
            if not self.identity.alive:
                raise SystemExit("gh-ost: " + " | ".join(self.log.read_text().splitlines()[-3:]))
            deadline.pause(pause_s)


@contextmanager
def _gh_ost(stand: Stand, rows: int) -> Iterator[_GhOst | None]:
    """gh-ost, which has copied the table and is stopped; None if it is not found."""
    if stand.programs.find("gh-ost") is None:
        yield None
        return
    flag, log = stand.stack.directory / "postpone", stand.stack.directory / "gh-ost.log"
    flag.touch()
    with running(in_place(stand, ORDERS, flag), log) as identity:
        ghost, table = _GhOst(identity, log), in_place_name(ORDERS)
        ghost.wait(lambda: stand.has_rows(stand.source, table, rows), 0.5, "copy the table")
        process.send(identity, signal.SIGSTOP)
        yield ghost


def _apply_by(ghost: _GhOst, stand: Stand, backlog: _Backlog) -> float:
    """Let it go on until it has applied what was written last."""
    with stand.asking(_version(in_place_name(ORDERS)), stand.source) as ask:
        began = time.monotonic()
        process.send(ghost.identity, signal.SIGCONT)
        ghost.wait(lambda: ask() == (backlog.number,), 0.03, "apply the backlog")
        seconds = time.monotonic() - began
    process.send(ghost.identity, signal.SIGSTOP)
    return seconds


ROW = Row(
    "apply",
    "apply a backlog of 200,000 random updates of 1 M rows, in 100 transactions; gh-ost in place",
    _measure,
    programs=("mysqlbinlog", "mysql", "gh-ost"),
    minutes=4,
)
