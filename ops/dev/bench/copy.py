"""python -m ops.dev.bench.copy: what Celery and Redis cost the copy.

The same table is copied in turn by Celery workers and by as many bare processes, which take their
chunks from a queue and call the same pipeline function. On a shared machine only the ratio means
anything.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from multiprocessing.queues import Queue
from pathlib import Path

import click

from ops.dev.bench.move import stack_with_table
from ops.dev.demo.stack import Stack
from pipeline.commands.control import abort, clean_up
from pipeline.commands.start import start
from pipeline.configuration.load import load_settings
from pipeline.control.migration_tables import read_tables
from pipeline.control.migrations import read_migration
from pipeline.coordinate.advance import advance
from pipeline.copy.chunk import copy_chunk
from pipeline.domain.migration import MigrationTable
from pipeline.domain.request import MoveRequest
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools
from pipeline.mysql.table import TableName

_PROCESSES = 4  # two copy workers of two processes each, as the stack starts them
_LIMIT_S = 600.0
Job = tuple[str, int, int] | None


class Queued:
    """A messenger that hands chunks to bare processes."""

    def __init__(self, jobs: Queue[Job]) -> None:
        self._jobs = jobs

    def copy_chunk(self, target: str, table: MigrationTable, number: int) -> None:
        self._jobs.put((table.migration_id, table.id, number))

    def verify_chunk(self, target: str, table: MigrationTable, number: int) -> None:
        return

    def serve_stream(self, target: str, migration_id: str) -> None:
        return


@click.command()
@click.option("--rows", type=click.IntRange(min=1000), default=1_000_000, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
def main(rows: int, rounds: int) -> None:
    """Rows/s of the copy by Celery workers and by bare processes, in turn."""
    celery, bare = [], []
    with stack_with_table(rows) as stack:
        pools = Pools(load_settings(stack.config))
        for number in range(1, rounds + 1):
            stack.start()
            if not stack.flower_answers():
                raise SystemExit(f"the workers do not start\n{stack.logs()}")
            celery.append(rows / _by_celery(pools))
            stack.stop()
            stack.workers.clear()
            bare.append(rows / _by_processes(pools, stack))
            click.echo(f"round {number}: Celery {celery[-1]:,.0f}/s, bare {bare[-1]:,.0f}/s")
        pools.close()
    ratio = statistics.median(one / other for one, other in zip(celery, bare, strict=True))
    click.echo(f"{_PROCESSES} processes, {rows:,} rows: Celery / bare = {ratio:.2f} (median)")


def _begin(pools: Pools) -> str:
    table = TableName("bench", "narrow")
    request = MoveRequest(source="old", target="new", tables=(table,), postpone_cut_over=True)
    return start(pools, request, "bench")


def _by_celery(pools: Pools) -> float:
    migration_id = _begin(pools)
    seconds = _copied_in(pools, migration_id)
    abort(pools, "new", migration_id, "bench")
    _wait(pools, migration_id, Stage.ABORTED)
    clean_up(pools, "new", migration_id, "bench")
    return seconds


def _by_processes(pools: Pools, stack: Stack) -> float:
    context = multiprocessing.get_context("spawn")
    jobs: Queue[Job] = context.Queue()
    workers = [
        context.Process(target=_work, args=(stack.config, jobs), daemon=True)
        for _ in range(_PROCESSES)
    ]
    for worker in workers:
        worker.start()
    time.sleep(3)  # their imports are not the copy's
    try:
        return _drive(pools, jobs)
    finally:
        for _ in workers:
            jobs.put(None)
        for worker in workers:
            worker.join()


def _drive(pools: Pools, jobs: Queue[Job]) -> float:
    migration_id, messenger = _begin(pools), Queued(jobs)
    started, seconds = time.monotonic(), 0.0
    while advance(pools, "new", migration_id, messenger, "bench", 0.1) is not Stage.ABORTED:
        if not seconds and _stage(pools, migration_id) is Stage.CONVERGING:
            seconds = time.monotonic() - started
            abort(pools, "new", migration_id, "bench")
        if time.monotonic() - started > _LIMIT_S:
            raise SystemExit("the copy does not end")
        time.sleep(0.01)
    clean_up(pools, "new", migration_id, "bench")
    return seconds


def _work(config: Path, jobs: Queue[Job]) -> None:
    pools = Pools(load_settings(config))
    while (job := jobs.get()) is not None:
        migration_id, table_id, number = job
        with pools.begin("new") as control:
            table = {one.id: one for one in read_tables(control, migration_id)}[table_id]
        copy_chunk(pools, "old", "new", table, number, "bench")
    pools.close()


def _copied_in(pools: Pools, migration_id: str) -> float:
    started = time.monotonic()
    _wait(pools, migration_id, Stage.CONVERGING, Stage.READY)
    return time.monotonic() - started


def _wait(pools: Pools, migration_id: str, *stages: Stage) -> None:
    deadline = time.monotonic() + _LIMIT_S
    while _stage(pools, migration_id) not in stages:
        if time.monotonic() > deadline:
            raise SystemExit(f"{migration_id} does not get to {stages[0]}")
        time.sleep(0.02)


def _stage(pools: Pools, migration_id: str) -> Stage | None:
    with pools.begin("new") as control:
        migration = read_migration(control, migration_id)
    return migration.stage if migration else None


if __name__ == "__main__":
    main()
