"""What differs is repaired, without undoing newer rows."""

from __future__ import annotations

import threading

import pytest

from pipeline.checksum.verify import Verdict
from pipeline.commands.resume import resume
from pipeline.control.chunk_checks import check_failures
from pipeline.control.chunk_map import cut_open_chunk
from pipeline.control.migrations import record_failure
from pipeline.domain.migration import Failure
from pipeline.domain.role import Role
from pipeline.errors import FatalError, FencedError, RetryableError
from pipeline.mysql.flavours import variable
from pipeline.mysql.pools import run
from pipeline.pausepoints import Point, at
from tests.conftest import Connect
from tests.support.direct import DirectMove, rows_of
from tests.support.moves import TARGET, story
from tests.support.once import from_second, once
from tests.support.settings import changed
from tests.support.verification import (
    drained,
    equal,
    given_up,
    on_source,
    on_target,
    unverified,
    write_both,
)


def test_what_somebody_else_writes_to_the_target_is_told_by_key_and_connection(
    move: DirectMove, connect: Connect
) -> None:
    other = connect(TARGET, autocommit=True)
    with other.cursor() as cursor:
        cursor.execute(f"UPDATE {move.table.target} SET v = 'Y' WHERE id IN (3, 4)")
    drained(move)
    assert move.verify(0) is Verdict.REPAIRED
    said = story(move.pools, move.migration_id)
    assert "differed, at the keys 3; 4; it is copied again." in said
    with move.pools.begin(TARGET) as target:
        tells = variable(target, "performance_schema") == "ON"
    assert tells == (f"Written lately by connection {other.thread_id()} (" in said)


def test_a_chunk_that_is_always_being_written_is_repaired_all_the_same(move: DirectMove) -> None:
    """Or what differs in it is found again and again, and nobody is told."""
    on_target(move, "UPDATE {t} SET v = 'Y' WHERE id = 3")
    drained(move)
    with move.applier() as feed, at(Point.REPAIR_READ, lambda: write_both(move, feed, 7, "during")):
        assert move.verify(0) is Verdict.REPAIRED
    assert equal(move)
    assert repairs(move) == 1
    assert move.verify(0) is Verdict.VERIFIED


def test_a_row_deleted_while_its_chunk_is_repaired_never_stays_unnoticed(move: DirectMove) -> None:
    """The target lacks it, so its deletion finds no row to wait for."""
    on_target(move, "DELETE FROM {t} WHERE id = 5")
    drained(move)
    flushed = threading.Event()
    with move.applier() as feed:
        deleting = threading.Thread(target=feed.delete, args=((b"5",),))

        def delete() -> None:
            on_source(move, "DELETE FROM {t} WHERE id = 5")
            deleting.start()
            assert flushed.wait(10)

        with at(Point.REPAIR_LOCKED, delete), at(Point.STREAM_FLUSHED, flushed.set):
            assert move.verify(0) is Verdict.REPAIRED
        deleting.join()
    drained(move)
    assert not equal(move)
    assert move.verify(0) is Verdict.REPAIRED
    assert equal(move)


def test_a_repair_that_loses_a_deadlock_against_the_stream_is_tried_again(
    move: DirectMove,
) -> None:
    """It waits for rows that the stream has written, and the stream for the repair's lock."""
    on_target(move, "UPDATE {t} SET v = 'Y' WHERE id = 3")
    on_source(move, "INSERT INTO {t} SELECT id + 100 * s, 'N', id FROM {t}, (SELECT 1 AS s UNION"
                    " SELECT 2 UNION SELECT 3 UNION SELECT 4) AS s")  # fmt: skip
    flushed = threading.Event()
    with move.applier() as feed:
        added = [
            (b"%d" % (number + 100 * s), b"N", b"%d" % number)
            for number in range(1, 31)
            for s in range(1, 5)
        ]
        feed.insert(*added)
        drained(move)
        changed = [((row[0],), (row[0], b"newer", row[2])) for row in added]
        updating = threading.Thread(target=feed.update, args=changed)

        def update() -> None:
            on_source(move, "UPDATE {t} SET v = 'newer' WHERE id > 100")
            updating.start()
            assert flushed.wait(10)

        with at(Point.REPAIR_LOCKED, once(update)), at(Point.STREAM_FLUSHED, flushed.set):
            assert move.verify(0) is Verdict.REPAIRED
        updating.join()
    assert equal(move)


def test_a_repair_that_a_slow_source_makes_void_is_an_error_that_is_counted(
    move: DirectMove, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its log runs ahead of what it shows: it must not go on so for ever without a word."""
    on_target(move, "UPDATE {t} SET v = 'Y' WHERE id = 3")
    drained(move)
    changed(monkeypatch, move.pools, checksum={"drain_wait_s": 0.1})

    def run_ahead() -> None:
        unknown = "11111111-1111-1111-1111-111111111111:1"
        with move.pools.begin(TARGET) as control:
            run(control, f"UPDATE tranship.streams SET position = '{unknown}'")

    with (
        at(Point.VERIFY_TARGET_READ, from_second(run_ahead)),  # a difference is looked at twice
        pytest.raises(RetryableError, match="does not show yet what was applied"),
    ):
        move.verify(0)
    nothing_is_repaired(move)


def test_a_repair_for_which_the_target_does_not_catch_up_is_an_error_that_is_counted(
    move: DirectMove, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would write what the stream has still to bring, and call it a difference."""
    on_target(move, "UPDATE {t} SET v = 'Y' WHERE id = 3")
    drained(move)
    changed(monkeypatch, move.pools, checksum={"drain_wait_s": 0.1})

    def write() -> None:
        on_source(move, "UPDATE {t} SET v = 'newer' WHERE id = 7")

    with (
        at(Point.VERIFY_TARGET_READ, from_second(write)),
        pytest.raises(RetryableError, match="does not catch up in time"),
    ):
        move.verify(0)
    nothing_is_repaired(move)


def nothing_is_repaired(move: DirectMove) -> None:
    with move.pools.begin(TARGET) as control:
        assert check_failures(control, move.table, 0) == 1
    assert repairs(move) == 0
    assert (b"3", b"Y", b"3") in rows_of(move.pools, TARGET, move.table.definition)


def repairs(move: DirectMove) -> int:
    with move.pools.begin(TARGET) as control:
        asked = f"SELECT repairs FROM tranship.chunk_checks WHERE table_id = {move.table.id}"
        return int(run(control, asked).rows[0][0])


def test_a_delayed_repair_changes_nothing_after_a_newer_attempt(move: DirectMove) -> None:
    on_target(move, "UPDATE {t} SET v = 'Y' WHERE id = 3")
    drained(move)
    verdicts = []

    def overtake() -> None:
        given_up(move)
        verdicts.append(move.verify(0))
        on_target(move, "UPDATE {t} SET v = 'the application' WHERE id = 9")

    with at(Point.REPAIR_READ, once(overtake)), pytest.raises(FencedError):
        move.verify(0)
    assert verdicts == [Verdict.REPAIRED]
    assert (b"9", b"the application", b"9") in rows_of(move.pools, TARGET, move.table.definition)


def test_a_repair_delayed_past_the_switch_changes_nothing(move: DirectMove) -> None:
    on_target(move, "UPDATE {t} SET v = 'Y' WHERE id = 3")
    drained(move)

    def switch() -> None:
        with move.pools.begin(TARGET) as control:
            run(
                control,
                "UPDATE tranship.migrations SET stage = 'switching'"
                f" WHERE id = '{move.migration_id}'",
            )
        on_target(move, "UPDATE {t} SET v = 'the application' WHERE id = 9")

    with at(Point.REPAIR_READ, switch), pytest.raises(FencedError):
        move.verify(0)
    assert (b"9", b"the application", b"9") in rows_of(move.pools, TARGET, move.table.definition)


def test_a_repair_of_a_chunk_that_was_cut_meanwhile_changes_nothing(move: DirectMove) -> None:
    on_target(move, "UPDATE {t} SET v = 'Y' WHERE id = 3")
    drained(move)

    def cut() -> None:
        with move.pools.begin(TARGET) as control:
            cut_open_chunk(control, move.table, [("10",)])

    with at(Point.REPAIR_READ, cut), pytest.raises(FencedError):
        move.verify(0)
    assert (b"3", b"Y", b"3") in rows_of(move.pools, TARGET, move.table.definition)
    assert unverified(move) == [0, 1]


def test_a_chunk_cut_off_one_that_was_verified_is_verified_with_it(move: DirectMove) -> None:
    drained(move)
    assert move.verify(0) is Verdict.VERIFIED
    with move.pools.begin(TARGET) as control:
        cut_open_chunk(control, move.table, [("10",), ("20",)])
    assert unverified(move) == []


def test_a_difference_that_comes_back_stops_with_the_keys(move: DirectMove) -> None:
    drained(move)
    for _ in range(move.pools.settings.checksum.repairs):
        on_target(move, "UPDATE {t} SET v = 'Y' WHERE id = 3")
        assert move.verify(0) is Verdict.REPAIRED
    on_target(move, "UPDATE {t} SET v = 'Y' WHERE id = 3")
    with pytest.raises(FatalError, match=r"at the keys 3\.") as stopped:
        move.verify(0)
    with move.pools.begin(TARGET) as control:
        failure = Failure.of(Role.CHECKSUM, stopped.value)
        record_failure(control, move.migration_id, failure)
    resume(move.pools, TARGET, move.migration_id, "test")
    assert move.verify(0) is Verdict.REPAIRED  # a person has looked: the count begins anew
