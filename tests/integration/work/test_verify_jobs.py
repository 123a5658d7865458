"""What a worker does with a message to verify a chunk, or what was touched; without Celery."""

from __future__ import annotations

import time

import pytest

from pipeline.commands.resume import resume
from pipeline.control.touched_keys import keys_are_sent
from pipeline.domain.migration import Failure
from pipeline.domain.role import Role
from pipeline.errors import FatalError, RetryableError
from pipeline.mysql.pools import Pools
from pipeline.pausepoints import Point, at
from pipeline.work.job import WHOLE_TABLE, JobKind, JobResult
from pipeline.work.verify import VERIFY, VERIFY_KEYS
from tests.support.jobs import Worker, raising, throttle
from tests.support.moves import TARGET
from tests.support.settings import changed
from tests.support.verification import drained, move_of_thirty


def test_a_verification_calls_the_coordinator_only_if_something_is_new(verifier: Worker) -> None:
    with verifier.move.applier() as feed:
        key = (b"1",)
        assert verifier.run(VERIFY, 0) is JobResult.CHANGED
        assert len(verifier.told) == 1
        assert verifier.run(VERIFY, 0) is JobResult.UNCHANGED
        feed.update((key, (b"1", b"one")))
        drained(verifier.move)
        assert verifier.run(VERIFY_KEYS, WHOLE_TABLE) is JobResult.UNCHANGED  # nothing is left
    assert len(verifier.told) == 1


def sent_one_by_one(pools: Pools, schema: str) -> tuple[Worker, list[int]]:
    """A table of several chunks, each of which is a run; those that the coordinator has sent."""
    worker = Worker(move_of_thirty(pools, schema, chunk_rows=10))
    worker.move.copy_all()
    drained(worker.move)
    worker.control(  # what was tried so often is verified chunk by chunk
        "UPDATE tranship.chunk_checks SET attempt = 4, sent_at = NULL, run = NULL"
        f" WHERE table_id = {worker.move.table.id}"
    )
    worker.move.sent.chunk_checks = []
    worker.move.advance()
    return worker, worker.move.sent.chunk_checks


def test_the_last_run_in_flight_calls_the_coordinator_and_none_before_it(
    pools: Pools, schema: str
) -> None:
    """A step of the coordinator's costs more than what a run itself asks of the control schema."""
    worker, sent = sent_one_by_one(pools, schema)
    assert len(sent) >= 3
    for number in sent[:-1]:
        assert worker.run(VERIFY, number) is JobResult.CHANGED
    assert worker.told == []
    assert worker.run(VERIFY, sent[-1]) is JobResult.CHANGED
    assert len(worker.told) == 1


def test_a_run_that_ends_has_the_next_one_sent(
    pools: Pools, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each would wait for a tick."""
    changed(monkeypatch, pools, checksum={"window": 1})
    worker, sent = sent_one_by_one(pools, schema)
    (first,) = sent
    assert worker.run(VERIFY, first) is JobResult.CHANGED
    assert len(worker.told) == 1
    worker.move.advance()
    assert sent == [first, first + 1]


def test_a_repaired_chunk_is_sent_again_at_once(pools: Pools, schema: str) -> None:
    worker, sent = sent_one_by_one(pools, schema)
    first, *others = list(sent)
    assert others
    worker.control(f"UPDATE {worker.move.table.target} SET v = 'other' WHERE id = 1")
    assert worker.run(VERIFY, first) is JobResult.CHANGED
    assert len(worker.told) == 1
    worker.move.advance()
    assert sent == [first, *others, first]


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
    drained(verifier.move)
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
    drained(verifier.move)

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
    drained(verifier.move)
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
    drained(verifier.move)
    here, verifier.move.pools = verifier.move.pools, away
    for _ in range(here.settings.checksum.attempts + 1):
        assert verifier.run(kind, number) is JobResult.RETRIED
    verifier.move.pools = here
    assert verifier.failure is None


def test_a_verification_that_can_t_succeed_stops_the_migration(verifier: Worker) -> None:
    with at(Point.VERIFY_SOURCE_READ, raising(FatalError("no", "Do this."))):
        assert verifier.run(VERIFY, 0) is JobResult.STOPPED
    assert verifier.failure == Failure(Role.CHECKSUM, "no", "Do this.")
