"""What a worker does with a message to copy a chunk, against real servers and without Celery."""

from __future__ import annotations

import time

import pytest

from pipeline.control.chunks import release_stale_claim
from pipeline.control.migrations import record_failure
from pipeline.domain.chunk_state import ChunkState
from pipeline.domain.migration import Failure
from pipeline.domain.role import Role
from pipeline.errors import RetryableError
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point, at
from pipeline.work.copy import COPY
from pipeline.work.job import Job, JobResult
from pipeline.work.run import run_job
from tests.support.direct import DirectMove
from tests.support.jobs import Worker, nice, raising, throttle
from tests.support.moves import SOURCE, TARGET


def test_a_copied_chunk_calls_the_coordinator_at_once(worker: Worker) -> None:
    assert worker.run(COPY, 0) is JobResult.CHANGED
    assert worker.copied == 3
    assert worker.told == [(TARGET, worker.move.migration_id)]


def test_the_coordinator_is_called_before_a_worker_runs_out_and_not_after_each_chunk(
    pools: Pools, schema: str
) -> None:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
        numbers = ", ".join(f"({number})" for number in range(600))
        run(source, f"INSERT INTO {schema}.t VALUES {numbers}")
    worker = Worker(DirectMove.of(pools, schema, "t", chunk_rows=100))
    worker.move.advance()
    assert worker.move.sent.chunks == [0, 1, 2, 3, 4, 5]
    for number in range(4):
        assert worker.run(COPY, number) is JobResult.CHANGED
    assert worker.told == []  # two wait, for one worker
    worker.run(COPY, 4)
    worker.run(COPY, 5)
    assert len(worker.told) == 2


def test_a_message_that_comes_twice_copies_once_and_tells_nobody(worker: Worker) -> None:
    worker.run(COPY, 0)
    assert worker.run(COPY, 0) is JobResult.UNCHANGED
    assert len(worker.told) == 1


def test_a_throttled_worker_leaves_the_chunk_to_be_sent_again(worker: Worker) -> None:
    throttle(worker, "somebody")
    assert worker.run(COPY, 0) is JobResult.THROTTLED
    assert (worker.copied, worker.unfinished) == (0, [(0, ChunkState.PENDING)])
    throttle(worker, None)
    worker.move.advance()
    assert worker.move.sent.chunks == [0, 0]  # without having waited for resend_s


def test_a_chunk_of_a_migration_that_has_failed_is_not_copied(worker: Worker) -> None:
    with worker.move.pools.begin(TARGET) as control:
        record_failure(control, worker.move.migration_id, Failure(Role.STREAM, "why", ""))
    assert worker.run(COPY, 0) is JobResult.NOT_WANTED
    assert worker.copied == 0


def test_a_message_for_a_migration_cleaned_up_since_is_dropped(worker: Worker) -> None:
    table = worker.move.table
    worker.control(f"DELETE FROM tranship.migrations WHERE id = '{worker.move.migration_id}'")
    job = Job(target=TARGET, migration_id=worker.move.migration_id, table_id=table.id, number=0)
    assert run_job(worker.move.pools, COPY, job, "test", worker.tell) is JobResult.FENCED
    assert (worker.copied, worker.told) == (0, [])


def test_a_worker_that_was_replaced_changes_nothing_and_stops_nothing(worker: Worker) -> None:
    """Each claim is taken away while it reads, so often that a failure would stop it."""

    def replace_it() -> None:
        with worker.move.pools.begin(TARGET) as control:
            release_stale_claim(control, worker.move.table, 0)

    with at(Point.COPY_READ, replace_it):
        for _ in range(worker.move.pools.settings.row_copy.attempts):
            assert worker.run(COPY, 0) is JobResult.FENCED
    assert (worker.copied, worker.told, worker.failure) == (0, [], None)
    assert worker.run(COPY, 0) is JobResult.CHANGED


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (RetryableError("the server is busy"), JobResult.RETRIED),
        (KeyError("a defect of ours"), JobResult.FAILED),
    ],
)
def test_a_chunk_that_keeps_failing_stops_the_migration_and_says_why(
    worker: Worker, error: Exception, result: JobResult
) -> None:
    attempts = worker.move.pools.settings.row_copy.attempts
    with at(Point.COPY_READ, raising(error)):
        for _ in range(attempts - 1):
            assert worker.run(COPY, 0) is result
            assert worker.failure is None
            assert worker.unfinished == [(0, ChunkState.PENDING)]
        assert worker.run(COPY, 0) is JobResult.STOPPED
    failure = worker.failure
    assert failure is not None
    assert failure.role == Role.COPY
    assert f"failed {attempts} times, last with: {error}" in failure.explanation
    assert worker.move.migration_id in failure.remedy
    assert worker.run(COPY, 0) is JobResult.NOT_WANTED


def test_a_row_that_the_target_rejects_stops_the_migration_at_the_first_try(
    worker: Worker,
) -> None:
    worker.control(f"ALTER TABLE {worker.move.table.target} MODIFY v VARCHAR(3)")
    assert worker.run(COPY, 0) is JobResult.STOPPED
    assert worker.failure is not None
    assert "does not take a row as it is" in worker.failure.explanation
    assert (worker.copied, worker.told) == (0, [])


def test_a_broker_that_is_away_does_not_make_a_copied_chunk_fail(worker: Worker) -> None:
    worker.broker_away = True
    assert worker.run(COPY, 0) is JobResult.CHANGED
    assert (worker.copied, worker.unfinished, worker.failure) == (3, [], None)


def test_a_worker_pauses_as_long_as_the_migration_asks_for(worker: Worker) -> None:
    nice(worker, 5)
    began = time.monotonic()
    with at(Point.COPY_READ, lambda: time.sleep(0.1)):
        assert worker.run(COPY, 0) is JobResult.CHANGED
    assert time.monotonic() - began > 0.6


def test_a_server_that_is_away_uses_up_no_attempt_to_copy(worker: Worker, away: Pools) -> None:
    here, worker.move.pools = worker.move.pools, away
    for _ in range(here.settings.row_copy.attempts + 1):
        assert worker.run(COPY, 0) is JobResult.RETRIED
    worker.move.pools = here
    assert (worker.failure, worker.unfinished) == (None, [(0, ChunkState.PENDING)])
    with at(Point.COPY_READ, raising(RetryableError("the server is busy"))):
        assert worker.run(COPY, 0) is JobResult.RETRIED
    assert worker.failure is None
    assert worker.run(COPY, 0) is JobResult.CHANGED
