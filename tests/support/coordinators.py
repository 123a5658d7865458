"""Drives a migration through its cut-over without Celery, and kills its coordinator anywhere.

The work that a coordinator sends out is done at once, by the messenger. A coordinator that is
to be killed is a fork of the test, which kills itself where it was told to: no `finally` runs,
and its connections are closed by the system, as under a real SIGKILL, which it is.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from pipeline.coordinate import advance as coordinator
from pipeline.domain.migration import MigrationTable
from pipeline.domain.stages import Stage, wants_stream
from pipeline.errors import RetryableError
from pipeline.mysql.pools import Pools
from pipeline.pausepoints import Point, at
from pipeline.stream.streamer import Streamer
from pipeline.work.copy import COPY
from pipeline.work.job import WHOLE_TABLE, Job, JobKind
from pipeline.work.run import run_job
from pipeline.work.verify import VERIFY, VERIFY_KEYS
from tests.support.moves import TARGET, read, story

_ENDS = (Stage.DONE, Stage.ABORTED, Stage.FAILED)
_LIMIT_S = 30.0


@dataclass(frozen=True)
class WorkingMessenger:
    """Does what it is told to send, there and then."""

    pools: Pools

    def copy_chunk(self, target: str, table: MigrationTable, number: int) -> None:
        self._do(COPY, target, table, number)

    def verify_chunk(self, target: str, table: MigrationTable, number: int) -> None:
        self._do(VERIFY, target, table, number)

    def verify_keys(self, target: str, table: MigrationTable) -> None:
        self._do(VERIFY_KEYS, target, table, WHOLE_TABLE)

    def serve_stream(self, target: str, migration_id: str) -> None:
        return  # `streaming` is there, or the test does without

    def _do(self, kind: JobKind, target: str, table: MigrationTable, number: int) -> None:
        job = Job(target=target, migration_id=table.migration_id, table_id=table.id, number=number)
        run_job(self.pools, kind, job, "test", lambda *_: None)


@contextmanager
def streaming(pools: Pools, migration_id: str, target: str = TARGET) -> Iterator[None]:
    """A streamer for the migration, begun again whenever the stage wants one."""
    stopping = threading.Event()

    def run() -> None:
        while not stopping.is_set():
            with suppress(RetryableError):  # what ends a connection of the pool ends no worker
                if wants_stream(read(pools, migration_id, target).stage):
                    Streamer(pools, target, migration_id, "streamer", stopping).run()
            stopping.wait(0.02)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(timeout=_LIMIT_S)
        assert not thread.is_alive(), "the streamer hangs"


@contextmanager
def hurried(pools: Pools, **cut_over: float) -> Iterator[Pools]:
    """The same servers, with leases that expire, and attempts that are made again, at once."""
    settings = pools.settings
    changed = {
        "timeouts": settings.timeouts.model_copy(update={"lease_s": 0.3}),
        "cut_over": settings.cut_over.model_copy(update={"retry_s": 0.1, **cut_over}),
    }
    quick = Pools(settings.model_copy(update=changed))
    yield quick
    quick.close()


@dataclass
class Coordinators:
    """One coordinator after the other, for one migration."""

    pools: Pools
    migration_id: str
    target: str = TARGET

    @property
    def stage(self) -> Stage:
        return read(self.pools, self.migration_id, self.target).stage

    def once(self, owner: str = "second") -> Stage | None:
        messenger = WorkingMessenger(self.pools)
        return coordinator.advance(
            self.pools, self.target, self.migration_id, messenger, owner, budget_s=0.1
        )

    def until(self, *stages: Stage) -> None:
        """Coordinate, a call after the other, until the migration is in one of `stages`."""
        self.until_true(lambda: self.stage in stages)

    def until_true(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _LIMIT_S
        while not condition():
            told = f"{self.stage}: {story(self.pools, self.migration_id, self.target)}"
            assert self.stage not in _ENDS, told
            assert time.monotonic() < deadline, told
            self.once()
            time.sleep(0.02)

    def killed_at(self, point: Point) -> None:
        """Coordinate in a process that kills itself at `point`."""
        with at(point, lambda: os.kill(os.getpid(), signal.SIGKILL)):
            child = self._fork()
        assert self._ended(child) == -signal.SIGKILL, f"{point} was not reached"

    @contextmanager
    def paused_at(self, point: Point) -> Iterator[Callable[[], None]]:
        """Coordinate in a process that holds still at `point`.

        Yields, once it does, what lets it go on and waits for its end.
        """
        (reached, tell_reached), (wait_on, let_go) = os.pipe(), os.pipe()
        paused = threading.Event()

        def hold() -> None:
            paused.set()
            os.close(let_go)  # or its own end of the pipe would keep it open
            os.write(tell_reached, b"x")
            os.read(wait_on, 1)

        with at(point, hold):
            child = self._fork(paused.is_set, renews=False)
        os.close(tell_reached)
        assert os.read(reached, 1) == b"x", f"{point} was not reached"

        def go_on() -> None:
            os.write(let_go, b"x")
            assert self._ended(child) == 0

        try:
            yield go_on
        finally:
            for end in (reached, wait_on, let_go):
                os.close(end)

    def _fork(self, enough: Callable[[], bool] = lambda: False, *, renews: bool = True) -> int:
        """Coordinate in another process until the migration has ended, or `enough`.

        `renews`: one that is to hold still must do so as a whole.
        """
        child = os.fork()
        if child == 0:
            try:
                if not renews:
                    coordinator._renew = lambda *_: None
                while self.once("first") not in _ENDS and not enough():
                    time.sleep(0.02)
            finally:
                os._exit(0)
        return child

    def _ended(self, child: int) -> int:
        """The exit code of a process; that of a signal is negative."""
        deadline = time.monotonic() + _LIMIT_S
        while time.monotonic() < deadline:
            known, status = os.waitpid(child, os.WNOHANG)
            if known:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise AssertionError(
            f"the first coordinator hangs: {story(self.pools, self.migration_id, self.target)}"
        )
