"""I6, by touched keys: what was touched leaves the log only when it is proved, or handed on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pipeline.checksum import digest, verify_keys
from pipeline.checksum.verify import Verdict
from pipeline.checksum.verify_keys import KeyVerifier, SliceVerdict
from pipeline.control.migrations import postpone_migration
from pipeline.control.streams import read_stream
from pipeline.control.touched_keys import keys_per_s, note_keys_compared
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point, at
from pipeline.rows import key_log
from tests.support.direct import DirectMove, Feed
from tests.support.moves import SOURCE, TARGET, read, wait_until
from tests.support.once import once
from tests.support.verification import (
    drained,
    equal,
    move_of_thirty,
    on_source,
    on_target,
    touched,
    unverified,
    write_both,
)


@pytest.fixture
def move(pools: Pools, schema: str) -> DirectMove:
    """Three chunks, all verified in full."""
    return verified(move_of_thirty(pools, schema, chunk_rows=10))


def verified(move: DirectMove) -> DirectMove:
    move.copy_all()
    drained(move)
    for number in unverified(move):
        assert move.verify(number) is Verdict.VERIFIED
    return move


@pytest.fixture
def feed(move: DirectMove) -> Iterator[Feed]:
    with move.applier() as feed:
        yield feed


def test_keys_of_several_chunks_are_verified_in_one_slice(move: DirectMove, feed: Feed) -> None:
    for number in (3, 13, 23):
        write_both(move, feed, number, "new")
    assert touched(move) == 3
    assert move.verify_keys() is SliceVerdict.EQUAL
    assert move.verify_keys() is SliceVerdict.NOTHING_LEFT
    assert (unverified(move), touched(move)) == ([], 0)


def test_a_deleted_row_and_a_new_one_are_verified(move: DirectMove, feed: Feed) -> None:
    on_source(move, "DELETE FROM {t} WHERE id = 3")
    on_source(move, "INSERT INTO {t} VALUES (31, 'born', 31)")
    feed.delete((b"3",))
    feed.insert((b"31", b"born", b"31"))
    drained(move)
    assert move.verify_keys() is SliceVerdict.EQUAL
    assert touched(move) == 0


@pytest.mark.parametrize("point", [Point.VERIFY_SOURCE_READ, Point.VERIFY_TARGET_READ])
def test_a_key_touched_while_it_is_verified_stays(
    move: DirectMove, feed: Feed, point: Point
) -> None:
    write_both(move, feed, 3, "one")
    write_both(move, feed, 13, "other")
    with at(point, lambda: write_both(move, feed, 3, "two")):
        assert move.verify_keys() is SliceVerdict.EQUAL
    assert (unverified(move), touched(move)) == ([], 1)
    assert move.verify_keys() is SliceVerdict.EQUAL
    assert touched(move) == 0


def test_a_wrong_row_is_found_among_rows_that_are_being_written(
    move: DirectMove, feed: Feed
) -> None:
    write_both(move, feed, 3, "right")
    write_both(move, feed, 13, "one")
    on_target(move, "UPDATE {t} SET v = 'wrong' WHERE id = 3")
    writes = once(lambda: write_both(move, feed, 13, "two"))
    with at(Point.VERIFY_SOURCE_READ, writes):
        assert move.verify_keys() is SliceVerdict.DIFFERENT
    assert (unverified(move), touched(move)) == ([0], 1)


def test_as_many_keys_are_left_to_the_cut_over_as_are_compared_in_time(
    move: DirectMove, feed: Feed
) -> None:
    """Rows that are slow to compare would keep writes away for seconds, however few they are."""
    write_both(move, feed, 3, "new")
    write_both(move, feed, 13, "new")
    with move.pools.begin(TARGET) as control:
        postpone_migration(control, move.migration_id)  # READY is the end
    for seconds, stage in ((1000.0, Stage.CONVERGING), (1.0, Stage.READY)):
        with move.pools.begin(TARGET) as control:
            note_keys_compared(control, move.table, 1000, seconds)
        move.advance()
        assert read(move.pools, move.migration_id).stage is stage


def test_one_bad_moment_does_not_make_keys_slow_for_ever(move: DirectMove) -> None:
    """A small table never has as many keys at once again, so nothing would correct it."""
    rates = []
    for keys, seconds in ((1000, 100.0), (20, 1.0), (20, 10.0)):
        with move.pools.begin(TARGET) as control:
            note_keys_compared(control, move.table, keys, seconds)
            rates.append(keys_per_s(control, move.table))
    assert rates == [10.0, 20.0, 20.0]


def test_a_target_that_is_only_behind_is_not_different(move: DirectMove, feed: Feed) -> None:
    write_both(move, feed, 3, "one")
    on_source(move, "UPDATE {t} SET v = 'two' WHERE id = 3")
    assert move.verify_keys() is SliceVerdict.INCONCLUSIVE
    assert (unverified(move), touched(move)) == ([], 1)


@pytest.mark.timeout(30)
def test_a_rename_never_waits_for_a_verification_that_waits_for_the_stream(
    move: DirectMove, feed: Feed
) -> None:
    write_both(move, feed, 3, "one")
    on_source(move, "UPDATE {t} SET v = 'two' WHERE id = 3")
    patient = move.pools.settings.checksum.model_copy(update={"drain_wait_s": 300.0})
    verifier = KeyVerifier(replace(move.sides(), settings=patient))
    with at(Point.VERIFY_SOURCE_READ, lambda: block(move)):
        assert verifier.verify_slice() is SliceVerdict.INCONCLUSIVE


def test_no_slice_is_begun_once_the_cut_over_begins(move: DirectMove, feed: Feed) -> None:
    """The rename waits for whoever reads the table, and all writes wait for the rename."""
    write_both(move, feed, 3, "new")
    block(move)
    assert move.verify_keys() is SliceVerdict.INCONCLUSIVE
    assert touched(move) == 1


def block(move: DirectMove) -> None:
    with move.pools.begin(TARGET) as control:
        run(
            control,
            f"UPDATE tranship.migrations SET stage = 'blocking' WHERE id = '{move.migration_id}'",
        )


def test_what_the_source_shows_before_it_counts_it_is_no_difference(
    move: DirectMove, feed: Feed
) -> None:
    """The first look sees a change of the source that the target gets right after it."""
    write_both(move, feed, 3, "right")
    on_target(move, "UPDATE {t} SET v = 'old' WHERE id = 3")
    arrives = once(lambda: on_target(move, "UPDATE {t} SET v = 'right' WHERE id = 3"))
    with at(Point.VERIFY_TARGET_READ, arrives):
        assert move.verify_keys() is SliceVerdict.EQUAL
    assert (unverified(move), touched(move)) == ([], 0)


def test_a_key_that_differs_sends_its_chunk_back_which_is_repaired(
    move: DirectMove, feed: Feed
) -> None:
    for number in (3, 13, 23):
        write_both(move, feed, number, "right")
    on_target(move, "UPDATE {t} SET v = 'wrong' WHERE id = 13")
    assert move.verify_keys() is SliceVerdict.DIFFERENT
    assert (unverified(move), touched(move)) == ([1], 0)
    assert move.verify(1) is Verdict.REPAIRED
    assert move.verify(1) is Verdict.VERIFIED
    assert unverified(move) == []
    assert equal(move)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {t} SET v = 'Y' WHERE id IN (3, 13)",  # stale in the same way
        "UPDATE {t} SET n = IF(id = 3, 13, 3) WHERE id IN (3, 13)",  # swapped values
    ],
)
def test_two_wrong_rows_never_cancel_out(move: DirectMove, feed: Feed, change: str) -> None:
    for number in (3, 13):
        write_both(move, feed, number, "right")
    on_target(move, change)
    assert move.verify_keys() is SliceVerdict.DIFFERENT
    assert unverified(move) == [0, 1]


@pytest.mark.parametrize("point", [Point.VERIFY_SOURCE_READ, Point.VERIFY_TARGET_READ])
def test_a_slice_that_is_verified_twice_deletes_nothing_touched_later(
    move: DirectMove, feed: Feed, point: Point
) -> None:
    write_both(move, feed, 3, "one")

    def meanwhile() -> None:
        assert move.verify_keys() is SliceVerdict.EQUAL
        write_both(move, feed, 3, "two")
        write_both(move, feed, 13, "two")

    with at(point, once(meanwhile)):
        move.verify_keys()
    assert touched(move) == 2
    assert unverified(move) == []


def test_a_delayed_slice_sends_nothing_back_that_another_has_settled(
    move: DirectMove, feed: Feed
) -> None:
    write_both(move, feed, 3, "right")
    on_target(move, "UPDATE {t} SET v = 'wrong' WHERE id = 3")

    def meanwhile() -> None:
        on_target(move, "UPDATE {t} SET v = 'right' WHERE id = 3")
        assert move.verify_keys() is SliceVerdict.EQUAL

    with at(Point.VERIFY_TARGET_READ, once(meanwhile)):
        move.verify_keys()
    assert unverified(move) == []


def test_a_slice_of_which_another_has_settled_a_part_sends_nothing_back(
    move: DirectMove, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log no longer tells that a key of that part is written all the time."""
    write_both(move, feed, 3, "right")
    write_both(move, feed, 13, "right")
    written = iter(["two", "three"])

    def meanwhile() -> None:
        value = next(written)
        if value == "two":
            with monkeypatch.context() as fewer, at(Point.VERIFY_SOURCE_READ, lambda: None):
                fewer.setattr(verify_keys, "_KEYS_AT_ONCE", 1)
                assert move.verify_keys() is SliceVerdict.EQUAL
        write_both(move, feed, 3, value)

    with at(Point.VERIFY_SOURCE_READ, meanwhile):
        move.verify_keys()
    assert unverified(move) == []


def test_a_slice_that_ends_within_a_batch_deletes_no_more_than_it_has_read(
    move: DirectMove, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_keys, "_KEYS_AT_ONCE", 2)
    monkeypatch.setattr(key_log, "_KEYS_IN_A_ROW", 1)
    on_source(move, "UPDATE {t} SET v = 'new' WHERE id IN (3, 13, 23)")
    feed.update(*(((b"%d" % one,), (b"%d" % one, b"new", b"%d" % one)) for one in (3, 13, 23)))
    on_target(move, "UPDATE {t} SET v = 'wrong' WHERE id = 23")
    drained(move)
    assert move.verify_keys() is SliceVerdict.EQUAL
    assert touched(move) == 1
    assert move.verify_keys() is SliceVerdict.DIFFERENT
    assert unverified(move) == [2]


def test_a_key_touched_many_times_is_compared_once(
    move: DirectMove, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice, in two statements, would cancel out under XOR, on both sides."""
    monkeypatch.setattr(digest, "_KEYS_PER_DIGEST", 1)
    write_both(move, feed, 3, "one")
    write_both(move, feed, 3, "two")
    on_target(move, "UPDATE {t} SET v = 'wrong' WHERE id = 3")
    assert move.verify_keys() is SliceVerdict.DIFFERENT


def test_keys_that_only_a_collation_makes_equal_are_compared_once(
    pools: Pools, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest, "_KEYS_PER_DIGEST", 1)
    with pools.begin(SOURCE) as source:
        run(
            source,
            f"CREATE TABLE {schema}.c (k VARCHAR(9) CHARACTER SET utf8mb4"
            " COLLATE utf8mb4_general_ci PRIMARY KEY, v INT)",
        )
        run(source, f"INSERT INTO {schema}.c VALUES ('a', 1), ('b', 2)")
    move = verified(DirectMove.of(pools, schema, "c"))
    with move.applier() as feed:
        on_source(move, "UPDATE {t} SET k = 'A', v = 3 WHERE k = 'a'")
        feed.update(((b"a",), (b"A", b"3")))  # two keys
        drained(move)
        on_target(move, "UPDATE {t} SET v = 9 WHERE k = 'a'")
        assert move.verify_keys() is SliceVerdict.DIFFERENT
        assert move.verify(0) is Verdict.REPAIRED
        assert move.verify(0) is Verdict.VERIFIED
        on_target(move, "UPDATE {t} SET k = 'a' WHERE k = 'a'")
        feed.update(((b"A",), (b"A", b"3")))
        drained(move)
        assert move.verify_keys() is SliceVerdict.EQUAL


def test_who_verifies_keys_locks_the_table_s_row_last(move: DirectMove, feed: Feed) -> None:
    """As whoever records a chunk does: the other order is a deadlock, which counts an error."""
    with move.pools.begin(TARGET) as control:
        note_keys_compared(control, move.table, 1000, 1000.0)  # any measurement is noted
    write_both(move, feed, 3, "right")
    on_target(move, "UPDATE {t} SET v = 'wrong' WHERE id = 3")
    locked, recorded = threading.Event(), threading.Event()

    def record() -> None:
        with move.pools.begin(TARGET) as control:
            read_stream(control, move.migration_id, lock=True)
            locked.set()
            wait_until(lambda: waits_for_lock(move), "it does not wait for the stream's row", 5)
            note_keys_compared(control, move.table, 1000, 1.0)
        recorded.set()

    recording = threading.Thread(target=record)
    with at(Point.VERIFY_TARGET_READ, once(lambda: (recording.start(), locked.wait(5)))):
        assert move.verify_keys() is SliceVerdict.DIFFERENT
    assert recorded.wait(5)


def waits_for_lock(move: DirectMove) -> bool:
    time.sleep(0.15)  # the server has a new answer only if nobody has asked for a tenth of a second
    waiting = "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
    with move.pools.begin(TARGET) as control:
        return bool(run(control, waiting).rows)
