"""A worker that does the jobs of one move in this process, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.control.chunks import unfinished_chunks
from pipeline.control.migrations import read_migration
from pipeline.control.throttles import set_manual, set_override
from pipeline.domain.chunk_state import ChunkState
from pipeline.domain.migration import Failure
from pipeline.errors import RetryableError
from pipeline.mysql.pools import run
from pipeline.work.job import Job, JobKind, JobResult
from pipeline.work.run import run_job
from tests.support.direct import DirectMove, rows_of
from tests.support.moves import TARGET


@dataclass
class Worker:
    """Does one job at a time for a move, and notes what it tells the coordinator."""

    move: DirectMove
    told: list[tuple[str, str]] = field(default_factory=list)
    broker_away: bool = False

    def run(self, kind: JobKind, number: int) -> JobResult:
        table = self.move.table
        job = Job(
            target=TARGET, migration_id=self.move.migration_id, table_id=table.id, number=number
        )
        return run_job(self.move.pools, kind, job, "test", self.tell)

    def tell(self, target: str, migration_id: str) -> None:
        if self.broker_away:
            raise RetryableError("The broker does not answer.")
        self.told.append((target, migration_id))

    @property
    def failure(self) -> Failure | None:
        with self.move.pools.begin(TARGET) as control:
            return read_migration(control, self.move.migration_id).failure

    @property
    def unfinished(self) -> list[tuple[int, ChunkState]]:
        with self.move.pools.begin(TARGET) as control:
            return [(one.number, one.state) for one in unfinished_chunks(control, self.move.table)]

    @property
    def copied(self) -> int:
        return len(rows_of(self.move.pools, TARGET, self.move.table.definition))

    def control(self, statement: str) -> tuple[tuple[object, ...], ...]:
        with self.move.pools.begin(TARGET) as control:
            return run(control, statement).rows


def throttle(worker: Worker, who: str | None) -> None:
    with worker.move.pools.begin(TARGET) as control:
        set_manual(control, worker.move.migration_id, who)


def nice(worker: Worker, ratio: float) -> None:
    with worker.move.pools.begin(TARGET) as control:
        set_override(control, worker.move.migration_id, "nice_ratio", ratio)


def raising(error: Exception) -> Callable[[], None]:
    def action() -> None:
        raise error

    return action
