"""A process that was paused while its migration was aborted writes nothing when it wakes up.

The table may be somebody else's by then.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.commands import control
from pipeline.domain.stages import Stage
from pipeline.errors import FencedError
from pipeline.pausepoints import Point, at
from pipeline.work.copy import COPY
from pipeline.work.job import JobResult
from pipeline.work.verify import VERIFY
from tests.support.jobs import Worker
from tests.support.moves import TARGET, read
from tests.support.once import once
from tests.support.verification import on_target


@pytest.fixture
def aborted(worker: Worker) -> Callable[[], None]:
    """Takes the migration from where it is to its end, once."""
    move = worker.move

    def end() -> None:
        control.abort(move.pools, TARGET, move.migration_id, "test")
        move.advance(budget_s=5)
        assert read(move.pools, move.migration_id).stage is Stage.ABORTED

    return once(end)


@pytest.mark.parametrize(
    ("point", "result"),
    [(Point.JOB_BEGUN, JobResult.UNCHANGED), (Point.COPY_READ, JobResult.FENCED)],
)
def test_a_copy_that_outlasts_its_migration_writes_nothing(
    worker: Worker, aborted: Callable[[], None], point: Point, result: JobResult
) -> None:
    with at(point, aborted):
        assert worker.run(COPY, 0) is result
    assert worker.copied == 0


def test_a_repair_that_outlasts_its_migration_writes_nothing(
    verifier: Worker, aborted: Callable[[], None]
) -> None:
    on_target(verifier.move, "DELETE FROM {t} WHERE id = 2")
    with at(Point.REPAIR_LOCKED, aborted):
        assert verifier.run(VERIFY, 0) is JobResult.FENCED
    assert verifier.copied == 2


def test_an_abort_during_a_copy_does_not_write_to_the_whole_ledger(
    worker: Worker, aborted: Callable[[], None]
) -> None:
    """A statement on a million rows holds locks for minutes, or is given up and begun again."""
    aborted()
    attempts = worker.control(
        f"SELECT attempt FROM tranship.chunk_checks WHERE table_id = {worker.move.table.id}"
    )
    assert set(attempts) == {(0,)}


def test_a_batch_that_outlasts_its_migration_writes_nothing(
    worker: Worker, aborted: Callable[[], None]
) -> None:
    with (
        worker.move.applier() as feed,
        at(Point.STREAM_FLUSHED, aborted),
        pytest.raises(FencedError),
    ):
        feed.insert((b"4", b"four"))
    assert worker.copied == 0
