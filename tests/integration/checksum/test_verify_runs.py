"""Chunks that one task verifies together, and attempts that take long: none harms another."""

from __future__ import annotations

import time
from itertools import count

import pytest

from pipeline.checksum.verify import Verdict
from pipeline.control.check_messages import mark_checks_sent, waits_to_be_sent
from pipeline.control.chunk_checks import claim_checks, require_again
from pipeline.errors import FencedError, RetryableError
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point, at
from tests.support.direct import DirectMove
from tests.support.moves import TARGET
from tests.support.once import once
from tests.support.settings import changed
from tests.support.verification import (
    drained,
    equal,
    given_up,
    move_of_thirty,
    on_source,
    on_target,
    touched,
    unverified,
    write_both,
)


@pytest.fixture
def move(pools: Pools, schema: str) -> DirectMove:
    """Three chunks, copied, and sent in one message."""
    move = move_of_thirty(pools, schema, chunk_rows=10)
    move.copy_all()
    drained(move)
    send_together(move)
    return move


def send_together(move: DirectMove) -> None:
    with move.pools.begin(TARGET) as control:
        mark_checks_sent(control, move.table, range(3))


def waiting(move: DirectMove, number: int) -> bool:
    with move.pools.begin(TARGET) as control:
        resend_s = move.pools.settings.checksum.resend_s
        return waits_to_be_sent(control, move.table, number, resend_s)


def test_chunks_that_were_sent_together_are_verified_together(move: DirectMove) -> None:
    assert move.verify(0) is Verdict.VERIFIED
    assert unverified(move) == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {t} SET v = 'Y' WHERE id IN (3, 23)",  # stale in the same way
        "UPDATE {t} SET n = IF(id = 3, 23, 3) WHERE id IN (3, 23)",  # swapped values
    ],
)
def test_only_the_chunks_that_differ_are_repaired(move: DirectMove, change: str) -> None:
    on_target(move, change)
    assert move.verify(0) is Verdict.REPAIRED
    assert unverified(move) == [0, 2]
    for number in (0, 2):
        assert move.verify(number) is Verdict.VERIFIED
    assert equal(move)


def test_a_chunk_that_is_written_is_not_repaired_with_one_that_differs(move: DirectMove) -> None:
    """It is written at both looks: at each, the target's row is newer than the source's."""
    on_target(move, "UPDATE {t} SET v = 'wrong' WHERE id = 13")
    look = count()
    with (
        move.applier() as feed,
        at(Point.VERIFY_SOURCE_READ, lambda: write_both(move, feed, 23, f"as {next(look)}")),
    ):
        assert move.verify(0) is Verdict.REPAIRED
    assert (unverified(move), touched(move)) == ([1], 2)


def test_chunks_of_which_one_is_taken_away_are_none_verified_and_all_sent_again(
    move: DirectMove,
) -> None:
    def take_away() -> None:
        with move.pools.begin(TARGET) as control:
            require_again(control, move.table, [1])

    with at(Point.VERIFY_TARGET_READ, take_away), pytest.raises(FencedError):
        move.verify(0)
    assert unverified(move) == [0, 1, 2]
    assert all(waiting(move, number) for number in range(3))


def test_a_late_message_takes_only_what_is_left(move: DirectMove) -> None:
    with move.pools.begin(TARGET) as control:
        run(
            control,
            "UPDATE tranship.chunk_checks SET fully_verified = 1"
            f" WHERE table_id = {move.table.id} AND number = 1",
        )
    assert move.verify(0) is Verdict.VERIFIED
    assert unverified(move) == [2]
    with move.pools.begin(TARGET) as control:
        asked = "SELECT attempt FROM tranship.chunk_checks WHERE number = 1 AND table_id ="
        assert run(control, f"{asked} {move.table.id}").rows == ((0,),)


# --- attempts that take long ----------------------------------------------------------


def test_an_attempt_that_outlasts_the_resend_time_is_not_overtaken(
    move: DirectMove, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(monkeypatch, move.pools, checksum={"resend_s": 0.4})
    move.sent.chunk_checks.clear()

    def outlast() -> None:
        time.sleep(0.6)
        move.advance()

    with at(Point.VERIFY_SOURCE_READ, outlast):
        assert move.verify(0) is Verdict.VERIFIED
    assert move.sent.chunk_checks == []


def test_a_message_that_has_waited_in_the_queue_voids_no_attempt_that_goes_on(
    move: DirectMove,
) -> None:
    """It was sent again after resend_s; the first one was taken after all."""
    verdicts: list[Verdict] = []
    with at(Point.VERIFY_SOURCE_READ, once(lambda: verdicts.append(move.verify(0)))):
        assert move.verify(0) is Verdict.VERIFIED
    assert verdicts == [Verdict.NOT_NEEDED]
    assert unverified(move) == []


def test_an_attempt_whose_worker_is_gone_is_sent_again(
    move: DirectMove, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed(monkeypatch, move.pools, checksum={"resend_s": 600})
    move.sent.chunk_checks.clear()
    with move.pools.begin(TARGET) as control:
        claim_checks(control, move.table, 0, 0, resend_s=0)
    move.advance()
    assert move.sent.chunk_checks == []
    given_up(move)
    move.advance()
    assert 0 in move.sent.chunk_checks
    drained(move)
    assert move.verify(0) is Verdict.VERIFIED  # the one that is gone does not look alive again


def test_the_open_chunk_of_a_growing_table_is_not_cut_while_it_is_verified(
    move: DirectMove,
) -> None:
    """A cut makes the attempt void: a table that grows all the time would never be verified."""
    born = [(b"%d" % number, b"new", b"0") for number in range(31, 61)]
    values = ", ".join(f"({int(key)}, 'new', 0)" for key, _, _ in born)

    def grow() -> None:
        on_source(move, f"INSERT INTO {{t}} VALUES {values}")
        feed.insert(*born)
        drained(move)
        move.advance()

    with move.applier() as feed, at(Point.VERIFY_SOURCE_READ, once(grow)):
        assert move.verify(0) is Verdict.VERIFIED
    assert (unverified(move), touched(move)) == ([], 30)


def test_chunks_are_sent_again_at_once_after_one_passing_error_and_later_after_another(
    move: DirectMove,
) -> None:
    def pass_by() -> None:
        raise RetryableError("a deadlock")

    def fail_and_advance(first: int) -> list[int]:
        with at(Point.VERIFY_SOURCE_READ, pass_by), pytest.raises(RetryableError):
            move.verify(first)
        move.sent.chunk_checks.clear()
        move.advance()
        return move.sent.chunk_checks

    assert fail_and_advance(0) == [0, 1, 2]
    assert fail_and_advance(0) == []
