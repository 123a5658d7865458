"""I6: verified means now. A chunk is verified in full, however busy it is."""

from __future__ import annotations

from itertools import count

import pytest

from pipeline.checksum.verify import Verdict
from pipeline.checksum.verify_keys import SliceVerdict
from pipeline.errors import FencedError
from pipeline.pausepoints import Point, at
from tests.support.direct import DirectMove
from tests.support.moves import story
from tests.support.once import once
from tests.support.verification import (
    drained,
    equal,
    given_up,
    on_source,
    on_target,
    touched,
    unverified,
    write_both,
)


def test_equal_sides_are_verified_once_and_a_later_touch_is_a_key(move: DirectMove) -> None:
    assert move.verify(0) is Verdict.VERIFIED
    assert (unverified(move), touched(move)) == ([], 0)
    with move.applier() as feed:
        feed.insert((b"99", b"x", b"1"))
    assert (unverified(move), touched(move)) == ([], 1)
    assert move.verify(0) is Verdict.NOT_NEEDED


def test_a_target_that_is_only_behind_is_not_repaired(move: DirectMove) -> None:
    """The source moved on, the stream has not brought it yet: no difference, no repair."""
    on_source(move, "UPDATE {t} SET n = 77 WHERE id = 1")
    assert move.verify(0) is Verdict.INCONCLUSIVE


def test_a_stale_row_that_nobody_touched_is_found_repaired_and_then_verified(
    move: DirectMove,
) -> None:
    on_target(move, "UPDATE {t} SET v = 'Y' WHERE id IN (3, 4)")
    on_target(move, "DELETE FROM {t} WHERE id = 5")
    on_target(move, "INSERT INTO {t} VALUES (500, 'phantom', 1)")
    drained(move)
    assert move.verify(0) is Verdict.REPAIRED
    assert unverified(move) == [0]
    assert move.verify(0) is Verdict.VERIFIED
    assert equal(move)


@pytest.mark.parametrize("point", [Point.VERIFY_SOURCE_READ, Point.VERIFY_TARGET_READ])
def test_a_chunk_that_is_always_being_written_is_verified_all_the_same(
    move: DirectMove, point: Point
) -> None:
    """In full, except for the rows written meanwhile; then those. A hot table must converge."""
    drained(move)
    with move.applier() as feed, at(point, lambda: write_both(move, feed, 3, "during")):
        assert move.verify(0) is Verdict.VERIFIED
    assert (unverified(move), touched(move)) == ([], 1)
    assert move.verify_keys() is SliceVerdict.EQUAL
    assert (unverified(move), touched(move)) == ([], 0)


def test_a_stale_row_is_found_among_rows_that_are_being_written(move: DirectMove) -> None:
    on_target(move, "UPDATE {t} SET v = 'stale' WHERE id = 5")
    look = count()
    drained(move)
    with (
        move.applier() as feed,
        at(Point.VERIFY_SOURCE_READ, lambda: write_both(move, feed, 3, f"as {next(look)}")),
    ):
        assert move.verify(0) is Verdict.REPAIRED
    assert "differed, at the keys 5; it is" in story(move.pools, move.migration_id)  # and not 3
    assert move.verify(0) is Verdict.VERIFIED
    assert equal(move)


def test_a_key_that_a_verification_in_full_has_to_leave_out_stays_in_the_log(
    move: DirectMove,
) -> None:
    """Or it would take for a difference what was written while it read."""
    drained(move)
    verdicts = []

    def write_and_verify_keys() -> None:
        write_both(move, feed, 3, "during")
        verdicts.append(move.verify_keys())

    with move.applier() as feed, at(Point.VERIFY_SOURCE_READ, once(write_and_verify_keys)):
        assert move.verify(0) is Verdict.VERIFIED
    assert verdicts == [SliceVerdict.NOTHING_LEFT]
    assert move.verify_keys() is SliceVerdict.EQUAL


@pytest.mark.parametrize("point", [Point.VERIFY_SOURCE_READ, Point.VERIFY_TARGET_READ])
def test_a_verification_that_a_later_attempt_has_overtaken_records_nothing(
    move: DirectMove, point: Point
) -> None:
    drained(move)
    verdicts = []

    def overtake() -> None:
        given_up(move)
        on_target(move, "UPDATE {t} SET v = 'stale' WHERE id = 5")
        verdicts.append(move.verify(0))
        on_target(move, "UPDATE {t} SET v = 'stale' WHERE id = 5")

    with at(point, once(overtake)), pytest.raises(FencedError):
        move.verify(0)
    assert verdicts == [Verdict.REPAIRED]
    assert unverified(move) == [0]
    assert move.verify(0) is Verdict.REPAIRED
