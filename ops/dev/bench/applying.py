"""Applies a backlog of the source's binary log: nothing else of Tranship runs meanwhile.

The streamer is the workers' own, in a process that has imported everything before the clock starts.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

from ops.dev.bench.stand import WHO, Deadline, Stand
from ops.dev.bench.tables import TableKind
from pipeline.configuration.load import load_settings
from pipeline.control.schema import SCHEMA
from pipeline.domain.stages import Stage
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import Pools
from pipeline.step.lag import source_progress
from pipeline.stream.streamer import Streamer

_START_S = 30.0


def ready_to_apply(stand: Stand, table: TableKind) -> str:
    """A migration that is copied and verified, and has no workers any more; its id."""
    stand.start_workers()
    migration_id = stand.begin([table.name])
    stand.wait_stage(migration_id, Stage.READY)
    stand.stop_workers()
    return migration_id


def apply_backlog(stand: Stand, migration_id: str, executed: GtidSet | None = None) -> float:
    """Apply `executed`, or all that the source has executed; returns the seconds it took."""
    executed = executed or executed_on(stand)
    with _streamer(stand.stack.config, stand.target, migration_id) as go:
        began = time.monotonic()
        go.set()
        wait_applied(stand, migration_id, executed)
        return time.monotonic() - began


def executed_on(stand: Stand) -> GtidSet:
    """What the source has executed."""
    with stand.pools.begin(stand.source) as source:
        return source_progress(source).executed


def wait_applied(stand: Stand, migration_id: str, executed: GtidSet) -> None:
    """Wait until the position contains `executed`.

    Raises:
        SystemExit: the migration fails, or takes too long.
    """
    query = (
        f"SELECT position, stage FROM {SCHEMA}.streams JOIN {SCHEMA}.migrations m"
        f" ON m.id = migration_id WHERE m.id = '{migration_id}'"
    )
    deadline = Deadline(f"{migration_id} does not apply what the source has executed")
    with stand.asking(query) as ask:
        while True:
            position, stage = ask()
            if GtidSet.parse(str(position)).contains(executed):
                return
            if stage == Stage.FAILED:
                stand.refuse_failed(migration_id)
            deadline.pause()


@contextmanager
def _streamer(config: Path, target: str, migration_id: str) -> Iterator[Event]:
    """A process that streams once the event is set."""
    context = multiprocessing.get_context("spawn")
    ready, go, end = context.Event(), context.Event(), context.Event()
    arguments = (config, target, migration_id, ready, go, end)
    process = context.Process(target=_stream, args=arguments, daemon=True)
    process.start()
    try:
        if not ready.wait(_START_S):
            raise SystemExit("the streamer does not start")
        yield go
    finally:
        end.set()
        go.set()
        process.join(_START_S)
        process.kill()


def _stream(
    config: Path, target: str, migration_id: str, ready: Event, go: Event, end: Event
) -> None:
    pools = Pools(load_settings(config))
    streamer = Streamer(pools, target, migration_id, WHO)
    ready.set()
    go.wait()
    thread = threading.Thread(target=streamer.run, daemon=True)
    thread.start()
    end.wait()
    streamer.stopping.set()  # gives the lease back, which the next round takes
    thread.join(_START_S)
    pools.close()
