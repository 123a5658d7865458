"""What a worker does with a message, against real servers and without Celery."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from pipeline.commands import control
from pipeline.commands.resume import resume
from pipeline.control.chunks import release_stale_claim, unfinished_chunks
from pipeline.control.migrations import read_migration, record_failure
from pipeline.control.throttles import set_manual, set_override
from pipeline.control.touched_keys import keys_are_sent
from pipeline.domain.chunk_state import ChunkState
from pipeline.domain.migration import Failure
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage
from pipeline.errors import FatalError, RetryableError
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point, at
from pipeline.work.copy import COPY
from pipeline.work.job import WHOLE_TABLE, Job, JobKind, JobResult
from pipeline.work.run import run_job
from pipeline.work.verify import VERIFY, VERIFY_KEYS
from tests.support.direct import DirectMove, rows_of
from tests.support.moves import SOURCE, TARGET, read
from tests.support.settings import changed


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


@pytest.fixture
def worker(pools: Pools, schema: str) -> Worker:
    """Chunk 0, of three rows, has been sent."""
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(20))")
        run(source, f"INSERT INTO {schema}.t VALUES (1, 'one'), (2, 'two'), (3, 'three')")
    move = DirectMove.of(pools, schema, "t")
    move.advance()
    assert move.sent.chunks == [0]
    return Worker(move)


def throttle(worker: Worker, who: str | None) -> None:
    with worker.move.pools.begin(TARGET) as control:
        set_manual(control, worker.move.migration_id, who)


def nice(worker: Worker, ratio: float) -> None:
    with worker.move.pools.begin(TARGET) as control:
        set_override(control, worker.move.migration_id, "nice_ratio", ratio)


def drained(worker: Worker) -> None:
    """Say that the target has everything: nobody writes, and nobody streams."""
    with worker.move.pools.begin(SOURCE) as source:
        executed = executed_gtids(source)
    worker.control(f"UPDATE tranship.streams SET position = '{executed}'")


def raising(error: Exception) -> Callable[[], None]:
    def action() -> None:
        raise error

    return action


# --- a chunk ------------------------------------------------------------------------------


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


@pytest.fixture
def away(worker: Worker) -> Iterator[Pools]:
    """The same servers, but that nobody listens where the source is."""
    settings = worker.move.pools.settings
    old = settings.servers[SOURCE].model_copy(update={"port": 1})
    servers = {**settings.servers, SOURCE: old}
    pools = Pools(settings.model_copy(update={"servers": servers}))
    yield pools
    pools.close()


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


def test_a_copy_that_outlasts_its_migration_writes_nothing(worker: Worker) -> None:
    """The table may be somebody else's by then."""
    move = worker.move

    def end() -> None:
        control.abort(move.pools, TARGET, move.migration_id, "test")
        move.advance(budget_s=5)
        assert read(move.pools, move.migration_id).stage is Stage.ABORTED

    with at(Point.COPY_READ, end):
        assert worker.run(COPY, 0) is JobResult.FENCED
    assert worker.copied == 0


# --- a verification ------------------------------------------------------------------------------


@pytest.fixture
def verifier(worker: Worker) -> Worker:
    """The chunk is copied, and has to be verified."""
    worker.move.copy_all()
    drained(worker)
    return worker


def test_a_verification_calls_the_coordinator_only_if_something_is_new(verifier: Worker) -> None:
    with verifier.move.applier() as feed:
        key = (b"1",)
        assert verifier.run(VERIFY, 0) is JobResult.CHANGED
        assert len(verifier.told) == 1
        assert verifier.run(VERIFY, 0) is JobResult.UNCHANGED
        feed.update((key, (b"1", b"one")))
        drained(verifier)
        assert verifier.run(VERIFY_KEYS, WHOLE_TABLE) is JobResult.UNCHANGED  # nothing is left
    assert len(verifier.told) == 1


def test_a_throttled_worker_leaves_the_verification_to_be_sent_again(verifier: Worker) -> None:
    verifier.move.advance()
    assert verifier.move.sent.chunk_checks == [0]
    throttle(verifier, "somebody")
    assert verifier.run(VERIFY, 0) is JobResult.THROTTLED
    rows = verifier.control(
        "SELECT sent_at, attempt FROM tranship.chunk_checks"
        f" WHERE table_id = {verifier.move.table.id}"
    )
    assert rows == ((None, 0),)


def test_touched_keys_are_sent_once_and_again_when_their_worker_has_yielded(
    verifier: Worker,
) -> None:
    move = verifier.move
    with move.applier() as feed:
        feed.update(((b"1",), (b"1", b"one")))
    drained(verifier)
    move.advance()
    move.advance()
    assert move.sent.keys == 1
    throttle(verifier, "somebody")
    assert verifier.run(VERIFY_KEYS, WHOLE_TABLE) is JobResult.THROTTLED
    throttle(verifier, None)
    move.advance()
    assert move.sent.keys == 2
    assert verifier.run(VERIFY_KEYS, WHOLE_TABLE) is JobResult.UNCHANGED
    move.advance()
    assert move.sent.keys == 2


def test_a_verification_that_comes_too_late_is_not_waited_for(verifier: Worker) -> None:
    """A cut-over waits for the keys' messages that were sent: two seconds for one like this."""
    move = verifier.move
    with move.applier() as feed:
        feed.update(((b"1",), (b"1", b"one")))
    move.advance()
    assert move.sent.keys == 1
    verifier.control("UPDATE tranship.migrations SET stage = 'blocking'"
                     f" WHERE id = '{move.migration_id}'")  # fmt: skip
    assert verifier.run(VERIFY_KEYS, WHOLE_TABLE) is JobResult.NOT_WANTED
    with move.pools.begin(TARGET) as control:
        assert not keys_are_sent(control, move.table)


def test_touched_keys_that_outlast_the_resend_time_are_not_sent_again(
    verifier: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    move = verifier.move
    changed(monkeypatch, move.pools, checksum={"resend_s": 0.4})
    with move.applier() as feed:
        feed.update(((b"1",), (b"1", b"one")))
    drained(verifier)

    def outlast() -> None:
        time.sleep(0.6)
        move.advance()

    with at(Point.VERIFY_SOURCE_READ, outlast):
        verifier.run(VERIFY_KEYS, WHOLE_TABLE)
    assert move.sent.keys == 0


def test_a_difference_that_can_t_be_repaired_stops_the_migration_and_names_the_key(
    verifier: Worker,
) -> None:
    spoil = f"UPDATE {verifier.move.table.target} SET v = 'other' WHERE id = 2"
    for _ in range(verifier.move.pools.settings.checksum.repairs):
        verifier.control(spoil)
        assert verifier.run(VERIFY, 0) is JobResult.CHANGED
    verifier.control(spoil)
    assert verifier.run(VERIFY, 0) is JobResult.STOPPED
    assert verifier.failure is not None
    assert verifier.failure.role == Role.CHECKSUM
    assert "at the keys 2." in verifier.failure.explanation


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (RetryableError("the server is busy"), JobResult.RETRIED),
        (KeyError("a defect of ours"), JobResult.FAILED),
    ],
)
@pytest.mark.parametrize(
    ("kind", "number", "what"),
    [(VERIFY, 0, "Verifying chunk 0"), (VERIFY_KEYS, WHOLE_TABLE, "Verifying the touched keys")],
)
def test_a_verification_that_keeps_failing_stops_the_migration_and_says_why(
    verifier: Worker, kind: JobKind, number: int, what: str, error: Exception, result: JobResult
) -> None:
    with verifier.move.applier() as feed:
        feed.update(((b"1",), (b"1", b"one")))
    drained(verifier)
    attempts = verifier.move.pools.settings.checksum.attempts
    with at(Point.VERIFY_SOURCE_READ, raising(error)):
        for _ in range(attempts - 1):
            assert verifier.run(kind, number) is result
            assert verifier.failure is None
        assert verifier.run(kind, number) is JobResult.STOPPED
    failure = verifier.failure
    assert failure is not None
    assert failure.role == Role.CHECKSUM
    assert what in failure.explanation
    assert f"failed {attempts} times, last with: {error}" in failure.explanation
    resume(verifier.move.pools, TARGET, verifier.move.migration_id, "test")
    with at(Point.VERIFY_SOURCE_READ, raising(error)):  # it has all its attempts again
        assert verifier.run(kind, number) is result


def test_a_verification_that_fails_now_and_then_stops_nothing(verifier: Worker) -> None:
    """What is written may need any number of attempts: only errors in a row count."""
    with at(Point.VERIFY_SOURCE_READ, raising(RetryableError("the server is busy"))):
        for _ in range(verifier.move.pools.settings.checksum.attempts - 1):
            assert verifier.run(VERIFY, 0) is JobResult.RETRIED
    verifier.control(f"UPDATE {verifier.move.table.target} SET v = 'other' WHERE id = 2")
    assert verifier.run(VERIFY, 0) is JobResult.CHANGED  # a repair
    with at(Point.VERIFY_SOURCE_READ, raising(RetryableError("the server is busy"))):
        assert verifier.run(VERIFY, 0) is JobResult.RETRIED
    assert verifier.failure is None
    assert verifier.run(VERIFY, 0) is JobResult.CHANGED


@pytest.mark.parametrize(("kind", "number"), [(VERIFY, 0), (VERIFY_KEYS, WHOLE_TABLE)])
def test_a_server_that_is_away_uses_up_no_attempt_to_verify(
    verifier: Worker, away: Pools, kind: JobKind, number: int
) -> None:
    with verifier.move.applier() as feed:
        feed.update(((b"1",), (b"1", b"one")))
    drained(verifier)
    here, verifier.move.pools = verifier.move.pools, away
    for _ in range(here.settings.checksum.attempts + 1):
        assert verifier.run(kind, number) is JobResult.RETRIED
    verifier.move.pools = here
    assert verifier.failure is None


def test_a_verification_that_can_t_succeed_stops_the_migration(verifier: Worker) -> None:
    with at(Point.VERIFY_SOURCE_READ, raising(FatalError("no", "Do this."))):
        assert verifier.run(VERIFY, 0) is JobResult.STOPPED
    assert verifier.failure == Failure(Role.CHECKSUM, "no", "Do this.")
