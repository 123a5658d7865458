"""Copy without writes: against the copiers of others, and against bare processes.

The bare processes take their chunks from a queue and call the same function as the workers: the
ratio is what Celery and Redis cost.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

from ops.dev.bench.copying import FEW, few_rows, seconds_to_copy, start_warm_workers
from ops.dev.bench.in_turn import Side, in_turn, versus
from ops.dev.bench.lines import Line, at_least
from ops.dev.bench.peers import COPIERS
from ops.dev.bench.peers.peer import Peer
from ops.dev.bench.row import Bench, Row
from ops.dev.bench.stand import IS_COPIED, WHO, Deadline, Stand
from ops.dev.bench.tables import ORDERS, TableKind
from pipeline.commands.clean_up import clean_up
from pipeline.commands.control import abort
from pipeline.commands.start import start
from pipeline.configuration.load import load_settings
from pipeline.control.migration_tables import read_tables
from pipeline.coordinate.advance import advance
from pipeline.copy.chunk import copy_chunk
from pipeline.domain.migration import MigrationTable
from pipeline.domain.request import MoveRequest
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools
from pipeline.mysql.table import TableName

_ROWS = 1_000_000
_PROCESSES = 4  # two copy workers of two processes each, as the stand starts them
_OURS = "Tranship"
_BARE = "bare processes"
Job = tuple[str, int, int] | None


def _measure(bench: Bench) -> Iterator[Line]:
    rows = bench.rows(_ROWS)
    with bench.stand() as stand:
        stand.fill(ORDERS, rows)
        found = [peer for peer in COPIERS if peer.is_found(stand)]
        sides: dict[str, Side] = {
            _OURS: lambda: rows / _by_workers(stand),
            _BARE: lambda: rows / _by_processes(stand),
            **{peer.name: partial(_rate, peer, stand, rows) for peer in found},
        }
        rates = in_turn(sides, bench.rounds, bench.say)
    for peer in found:
        yield versus(rates, _OURS, peer.name, at_least(1.5, aim=2), "rows/s")
    yield versus(rates, _OURS, _BARE, at_least(0.95), "rows/s")


def _rate(peer: Peer, stand: Stand, rows: int) -> float:
    return rows / peer.seconds(stand, ORDERS)


def _by_workers(stand: Stand) -> float:
    # Idle workers would cost the others something: beat's tick, Celery's heartbeats.
    start_warm_workers(stand)
    seconds = seconds_to_copy(stand, ORDERS)
    stand.stop_workers()
    return seconds


def _by_processes(stand: Stand) -> float:
    with _processes(stand.stack.config) as jobs:
        with few_rows(stand):
            _drive(stand, jobs, FEW)
        stand.empty(stand.target)
        return _drive(stand, jobs, ORDERS)


class _Queued:
    """A messenger that hands chunks to bare processes, and leaves everything else alone."""

    def __init__(self, jobs: Queue[Job]) -> None:
        self._jobs = jobs

    def copy_chunk(self, target: str, table: MigrationTable, number: int) -> None:
        self._jobs.put((table.migration_id, table.id, number))

    def verify_chunk(self, target: str, table: MigrationTable, number: int) -> None:
        return

    def verify_keys(self, target: str, table: MigrationTable) -> None:
        return

    def serve_stream(self, target: str, migration_id: str) -> None:
        return


@contextmanager
def _processes(config: Path) -> Iterator[Queue[Job]]:
    context = multiprocessing.get_context("spawn")
    jobs: Queue[Job] = context.Queue()
    ready = context.Barrier(_PROCESSES + 1)
    workers = [
        context.Process(target=_work, args=(config, jobs, ready), daemon=True)
        for _ in range(_PROCESSES)
    ]
    for worker in workers:
        worker.start()
    try:
        ready.wait(30)  # their imports are not the copy's
        yield jobs
    finally:
        for _ in workers:
            jobs.put(None)
        for worker in workers:
            worker.join(30)


def _work(config: Path, jobs: Queue[Job], ready: Barrier) -> None:
    pools = Pools(load_settings(config))
    ready.wait(30)
    while (job := jobs.get()) is not None:
        migration_id, table_id, number = job
        with pools.begin("new") as control:
            table = {one.id: one for one in read_tables(control, migration_id)}[table_id]
        copy_chunk(pools, "old", "new", table, number, WHO)
    pools.close()


def _drive(stand: Stand, jobs: Queue[Job], kind: TableKind) -> float:
    messenger, deadline = _Queued(jobs), Deadline("the copy does not end")
    began, seconds = time.monotonic(), 0.0
    table = TableName.parse(kind.full_name)
    request = MoveRequest(
        source=stand.source, target=stand.target, tables=(table,), postpone_cut_over=True
    )
    migration_id = start(stand.pools, request, WHO)
    with stand.asking(IS_COPIED.format(id=migration_id)) as ask:
        while _advance(stand, migration_id, messenger) is not Stage.ABORTED:
            if not seconds and ask()[0]:
                seconds = time.monotonic() - began
                abort(stand.pools, stand.target, migration_id, WHO)
            deadline.pause()
    clean_up(stand.pools, stand.target, migration_id, WHO)
    return seconds


def _advance(stand: Stand, migration_id: str, messenger: _Queued) -> Stage | None:
    return advance(stand.pools, stand.target, migration_id, messenger, WHO, 0.1)


ROW = Row(
    "copy",
    "copy of 1 M rows of 7 columns (230 bytes, one index) by workers that have copied before,"
    " nothing written meanwhile",
    _measure,
    programs=tuple(program for peer in COPIERS for program in peer.programs),
    minutes=6,
)
