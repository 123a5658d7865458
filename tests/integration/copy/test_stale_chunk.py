"""I3: a message delivered twice, or a worker that was paused, changes nothing."""

from __future__ import annotations

import threading
import time

import pytest

from pipeline.control.chunks import StaleClaim, release_stale_claim, stale_claims
from pipeline.errors import FencedError, RetryableError
from pipeline.mysql.pools import Pools, kill_connection, run
from pipeline.pausepoints import Point, at
from tests.support.direct import DirectMove, rows_of
from tests.support.moves import SOURCE, TARGET, wait_until
from tests.support.settings import changed


@pytest.fixture
def move(pools: Pools, schema: str) -> DirectMove:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v INT)")
        run(source, f"INSERT INTO {schema}.t VALUES (1, 1), (2, 2), (3, 3)")
    move = DirectMove.of(pools, schema, "t")
    move.advance()
    return move


def test_a_message_delivered_again_after_the_chunk_is_done_changes_nothing(
    move: DirectMove,
) -> None:
    (number,) = move.sent.chunks
    assert move.copy(number) is not None
    with move.pools.begin(TARGET) as control:
        run(control, f"DELETE FROM {move.table.target} WHERE id = 1")  # as the applier might
    assert move.copy(number) is None
    assert len(rows_of(move.pools, TARGET, move.table.definition)) == 2


def test_two_deliveries_at_once_copy_once(move: DirectMove) -> None:
    (number,) = move.sent.chunks
    results: list[object] = []
    with at(Point.COPY_READ, lambda: results.append(move.copy(number)) if not results else None):
        results.append(move.copy(number))
    assert results[0] is None
    assert results[1] is not None


def claimed(move: DirectMove) -> list[StaleClaim]:
    with move.pools.begin(TARGET) as control:
        return stale_claims(control, move.table, 0)


@pytest.mark.parametrize("killed", [True, False])
def test_a_worker_paused_past_its_claim_changes_nothing(move: DirectMove, killed: bool) -> None:
    """It has read, sleeps, is replaced, and wakes up: its transaction must roll back."""
    (number,) = move.sent.chunks
    woken = threading.Event()
    outcome: list[BaseException] = []

    def paused_worker() -> None:
        try:
            move.copy(number)
        except (FencedError, RetryableError) as error:
            outcome.append(error)

    def replace_me() -> None:
        if threading.current_thread() is not threading.main_thread():
            woken.wait(20)

    with at(Point.COPY_READ, replace_me):
        worker = threading.Thread(target=paused_worker)
        worker.start()
        table = move.table
        claims = wait_until(lambda: claimed(move), "the chunk is claimed")
        if killed:  # else the attempt number alone has to shut it out
            kill_connection(move.pools, TARGET, claims[0].connection_id, claims[0].age_s)
        with move.pools.begin(TARGET) as control:
            release_stale_claim(control, table, number)
        assert move.copy(number) is not None
        with move.pools.begin(TARGET) as control:
            run(control, f"DELETE FROM {table.target} WHERE id = 1")
        woken.set()
        worker.join(20)
    assert [type(error) for error in outcome] == [RetryableError if killed else FencedError]
    assert len(rows_of(move.pools, TARGET, table.definition)) == 2


def test_a_failed_attempt_leaves_nothing_and_the_chunk_is_pending_again(move: DirectMove) -> None:
    (number,) = move.sent.chunks

    def fail() -> None:
        raise RetryableError("the disk is full, say")

    with at(Point.COPY_BEFORE_COMMIT, fail), pytest.raises(RetryableError):
        move.copy(number)
    assert rows_of(move.pools, TARGET, move.table.definition) == set()
    assert move.copy(number) is not None
    assert len(rows_of(move.pools, TARGET, move.table.definition)) == 3


def test_a_copy_that_outlasts_a_stale_claim_is_not_taken_away(
    move: DirectMove, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(monkeypatch, move.pools, row_copy={"stale_claim_s": 0.4})
    (number,) = move.sent.chunks

    def outlast() -> None:
        time.sleep(0.6)
        move.advance()

    with at(Point.COPY_READ, outlast):
        assert move.copy(number) is not None
    assert len(rows_of(move.pools, TARGET, move.table.definition)) == 3
