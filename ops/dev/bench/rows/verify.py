"""Verification alone, against CHECKSUM TABLE on both servers at once.

The ledger of a migration that is ready is set back: every chunk is to be verified in full again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from sqlalchemy import func, select, update

from ops.dev.bench.in_turn import in_turn, versus
from ops.dev.bench.lines import Line, at_most
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import Deadline, Stand
from ops.dev.bench.tables import ORDERS, TableKind, sysbench_table
from pipeline.control.chunk_checks import UNVERIFIED
from pipeline.control.schema import NOW, chunk_checks
from pipeline.control.schema_operation import throttles
from pipeline.domain.stages import Stage
from tasks.messages import send_advance

_ROWS = 1_000_000
_POLL_S = 0.1  # the ledger says when it was; to ask more often would take from what is measured
_OURS, _SERVERS = "Tranship", "CHECKSUM TABLE on both"


def _measure(bench: Bench) -> Iterator[Line]:
    yield _against_servers(bench, ORDERS, "Tranship ÷ CHECKSUM TABLE")
    # A document is nearly half of what a digest costs; CHECKSUM TABLE adds up what is stored.
    yield _against_servers(bench, sysbench_table(1), "the same, sysbench's table, no documents")


def _against_servers(bench: Bench, table: TableKind, what: str) -> Line:
    with bench.stand() as stand:
        stand.fill(table, bench.rows(_ROWS))
        stand.start_workers()
        migration_id = stand.begin([table.name])
        stand.wait_stage(migration_id, Stage.READY)
        sides = {
            _OURS: lambda: _verify_again(stand, migration_id),
            _SERVERS: lambda: _checksum_tables(stand, table),
        }
        seconds = in_turn(sides, bench.rounds, bench.say)
    return replace(versus(seconds, _OURS, _SERVERS, at_most(1.5), "s"), what=what)


def _verify_again(stand: Stand, migration_id: str) -> float:
    _wait_until_alone(stand)
    with stand.pools.begin(stand.target) as control:
        # What was tried before is verified in shorter runs.
        again = {"fully_verified": False, "attempt": 0, "sent_at": None, "not_before": None}
        control.execute(update(chunk_checks).values(**again))
        began = control.execute(select(NOW)).scalar_one()
    send_advance(stand.target, migration_id)
    deadline = Deadline("the table is not verified")
    with stand.asking(f"SELECT COUNT(*) FROM {chunk_checks} WHERE {UNVERIFIED}") as ask:
        while ask() != (0,):
            deadline.pause(_POLL_S)
    with stand.pools.begin(stand.target) as control:
        ended = control.execute(select(func.max(chunk_checks.c.verified_at))).scalar_one()
    seconds: float = (ended - began).total_seconds()
    return seconds


def _wait_until_alone(stand: Stand) -> None:
    """Until nobody gives way any more to the other side's CHECKSUM TABLE, as a move does."""
    deadline = Deadline("Tranship gives way to others")
    with stand.asking(f"SELECT COALESCE(MAX(gives_way), 0) FROM {throttles}") as ask:
        while ask() != (0,):
            deadline.pause()


def _checksum_tables(stand: Stand, table: TableKind) -> float:
    statement = f"CHECKSUM TABLE {table.full_name}"
    with (
        stand.asking(statement, "old") as old,
        stand.asking(statement, "new") as new,
        ThreadPoolExecutor(2) as threads,
    ):
        began = time.monotonic()
        list(threads.map(lambda ask: ask(), (old, new)))
        return time.monotonic() - began


ROW = Row(
    "verify",
    "verify 1 M copied rows of 7 columns again, nothing written meanwhile (seconds)",
    _measure,
    minutes=2,
)
