"""How soon something happens: the first chunk after `tranship move`, and what commands cost.

Workers are up and wait. The first chunk counts once its commit is seen, by the target's clock since
the request was recorded. A command's CPU is that of its process, from the interpreter on; `status`
is asked while a migration is going on, so that it asks the workers, too. The limit of 0.2 s is for
a command that asks nobody: importing SQLAlchemy and PyMySQL alone takes longer.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ops.dev.bench.lines import Line, at_most, median
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import Deadline, Stand
from ops.dev.bench.tables import ORDERS, SCHEMA

_ROWS = 1_000_000
_FEWEST = 5  # rounds: each takes seconds
_POLL_S = 0.005
_IMPORTS = "import pymysql, sqlalchemy"
# NULL, until a chunk is committed; then how long ago the request was recorded.
_SINCE_RECORDED = (
    "SELECT IF(EXISTS (SELECT 1 FROM tranship.chunks"
    " JOIN tranship.migration_tables ON migration_tables.id = chunks.table_id"
    " WHERE migration_id = '{id}' AND state = 'done'),"
    " TIMESTAMPDIFF(MICROSECOND, created_at, UTC_TIMESTAMP(6)) / 1e6, NULL)"
    " FROM tranship.migrations WHERE id = '{id}'"
)


@dataclass(frozen=True)
class _Started:
    """Seconds until the first chunk was committed."""

    since_recorded: float
    since_typed: float

    def __str__(self) -> str:
        return f"first chunk {self.since_recorded:.2f} s, since typed {self.since_typed:.2f} s"


def _measure(bench: Bench) -> Iterator[Line]:
    firsts, helps, statuses, floors = [], [], [], []
    with bench.stand() as stand:
        stand.fill(ORDERS, bench.rows(_ROWS))
        stand.start_workers()
        for number in range(1, max(_FEWEST, bench.rounds) + 1):
            stand.empty(stand.target)
            migration_id, first = _first_chunk(stand)
            stand.wait_copied(migration_id)
            firsts.append(first)
            helps.append(_cpu_s(stand.stack.tranship("--help", stdout=subprocess.DEVNULL)))
            asked = stand.stack.tranship("status", migration_id, stdout=subprocess.DEVNULL)
            statuses.append(_cpu_s(asked))
            floors.append(_cpu_s(subprocess.Popen([sys.executable, "-c", _IMPORTS])))
            stand.discard(migration_id)
            bench.say(f"round {number}: {first}, help {helps[-1]:.2f}, status {statuses[-1]:.2f} s")
    recorded = [one.since_recorded for one in firsts]
    yield median("first chunk after the request", "s", recorded, at_most(0.5))
    yield median(
        "from `tranship move` to the first chunk", "s", [one.since_typed for one in firsts]
    )
    yield median("`tranship --help`, CPU", "s", helps, at_most(0.2))
    floor = f"importing SQLAlchemy and PyMySQL alone {statistics.median(floors):.2f} s"
    yield median("`tranship status`, CPU", "s", statuses, figures=floor)


def _first_chunk(stand: Stand) -> tuple[str, _Started]:
    """Type `tranship move`; returns the migration's id, too."""
    typed = time.monotonic()
    command = stand.stack.tranship(
        "move", "--source", stand.source, "--target", stand.target,
        "--table", f"{SCHEMA}.{ORDERS.name}", "--postpone-cut-over", stdout=subprocess.PIPE,
    )  # fmt: skip
    migration_id = command.communicate()[0].decode().strip()
    stand.control = stand.target
    deadline = Deadline(f"{migration_id} copies nothing")
    with stand.asking(_SINCE_RECORDED.format(id=migration_id)) as ask:
        while (since_recorded := ask()[0]) is None:
            deadline.pause(_POLL_S)
    return migration_id, _Started(float(since_recorded), time.monotonic() - typed)


def _cpu_s(command: subprocess.Popen[bytes]) -> float:
    """The CPU seconds of a command that was just started.

    Raises:
        SystemExit: it fails.
    """
    _, status, used = os.wait4(command.pid, 0)
    command.returncode = os.waitstatus_to_exitcode(status)
    if command.returncode != 0:
        raise SystemExit(f"{command.args!r} exited {command.returncode}")
    return used.ru_utime + used.ru_stime


ROW = Row("start", "the first chunk of 1 M rows of 7 columns, and what commands cost", _measure,
          minutes=3)  # fmt: skip
