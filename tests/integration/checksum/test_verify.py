"""I6: verified means now. What differs is found, and repaired without undoing newer rows."""

from __future__ import annotations

import pytest

from pipeline.checksum.digest import range_digest
from pipeline.checksum.row_sources import Rows
from pipeline.checksum.verify import Verdict
from pipeline.control.chunk_checks import LedgerState, ledger_state
from pipeline.control.touched_keys import count_touched
from pipeline.errors import FatalError
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.keyrange import KeyRange
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point, at
from tests.support.direct import DirectMove, Feed, rows_of
from tests.support.moves import SOURCE, TARGET

EVERYTHING = KeyRange(None, None)


@pytest.fixture
def move(pools: Pools, schema: str) -> DirectMove:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(20), n INT)")
        values = ", ".join(f"({number}, 'N', {number})" for number in range(1, 31))
        run(source, f"INSERT INTO {schema}.t VALUES {values}")
    move = DirectMove.of(pools, schema, "t", chunk_rows=1000)
    move.copy_all()
    return move


def on_target(move: DirectMove, change: str) -> None:
    with move.pools.begin(TARGET) as target:
        run(target, change.format(t=move.table.target))


def dirty(move: DirectMove) -> int:
    with move.pools.begin(TARGET) as control:
        return ledger_state(control, move.table).dirty


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {t} SET v = 'Y' WHERE id IN (3, 4)",  # stale alike: CRC32 under XOR misses it
        "UPDATE {t} SET n = IF(id = 3, 4, 3) WHERE id IN (3, 4)",  # swapped values
        "UPDATE {t} SET v = NULL WHERE id = 3",
        "UPDATE {t} SET v = '\\\\N' WHERE id = 3",
        "UPDATE {t} SET v = 'n' WHERE id = 3",  # equal by collation
        "DELETE FROM {t} WHERE id = 30",
        "INSERT INTO {t} VALUES (31, 'N', 31)",
    ],
)
def test_no_difference_escapes_the_digest(move: DirectMove, change: str) -> None:
    on_target(move, change)
    table = move.table.definition
    with move.pools.begin(SOURCE) as source, move.pools.begin(TARGET) as target:
        ours = range_digest(Rows(source, table, True), EVERYTHING)
        theirs = range_digest(Rows(target, table, False), EVERYTHING)
    assert ours != theirs


def test_equal_sides_are_verified_and_a_later_touch_makes_them_dirty(move: DirectMove) -> None:
    assert move.verify(0) is Verdict.VERIFIED
    assert dirty(move) == 0
    with move.applier() as feed:
        feed.insert((b"99", b"x", b"1"))
    assert dirty(move) == 1


@pytest.mark.parametrize("point", [Point.VERIFY_SOURCE_READ, Point.VERIFY_TARGET_READ])
def test_a_touch_during_the_verification_voids_it(move: DirectMove, point: Point) -> None:
    with move.applier() as feed, at(point, lambda: feed.insert((b"99", b"x", b"1"))):
        assert move.verify(0) is Verdict.INCONCLUSIVE
    assert dirty(move) == 1


def test_a_target_that_is_only_behind_is_not_repaired(move: DirectMove) -> None:
    """The source moved on, the stream has not brought it yet: no difference, no repair."""
    with move.pools.begin(SOURCE) as source:
        run(source, f"UPDATE {move.table.source} SET n = 77 WHERE id = 1")
    assert move.verify(0) is Verdict.INCONCLUSIVE


def drained(move: DirectMove) -> None:
    """Say that the position has everything (nothing has been written to the table since)."""
    with move.pools.begin(SOURCE) as source:
        executed = executed_gtids(source)
    with move.pools.begin(TARGET) as control:
        run(control, f"UPDATE tranship.streams SET position = '{executed}'")


def test_a_real_difference_is_repaired_and_then_verified(move: DirectMove) -> None:
    on_target(move, "UPDATE {t} SET v = 'Y' WHERE id IN (3, 4)")
    on_target(move, "DELETE FROM {t} WHERE id = 5")
    on_target(move, "INSERT INTO {t} VALUES (500, 'phantom', 1)")
    drained(move)
    assert move.verify(0) is Verdict.REPAIRED
    assert dirty(move) == 1
    assert move.verify(0) is Verdict.VERIFIED
    table = move.table.definition
    assert rows_of(move.pools, TARGET, table) == rows_of(move.pools, SOURCE, table)


def test_a_repair_never_undoes_what_the_applier_wrote_meanwhile(move: DirectMove) -> None:
    on_target(move, "UPDATE {t} SET v = 'Y' WHERE id = 3")
    drained(move)
    with move.applier() as feed:
        newer = (b"7", b"newer", b"7")
        with at(Point.REPAIR_READ, lambda: feed.update(((b"7",), newer))):
            assert move.verify(0) is Verdict.INCONCLUSIVE
    assert newer in rows_of(move.pools, TARGET, move.table.definition)


def test_a_difference_that_comes_back_stops_with_the_keys(move: DirectMove) -> None:
    drained(move)
    for _ in range(move.pools.settings.checksum.repairs):
        on_target(move, "UPDATE {t} SET v = 'Y' WHERE id = 3")
        assert move.verify(0) is Verdict.REPAIRED
    on_target(move, "UPDATE {t} SET v = 'Y' WHERE id = 3")
    with pytest.raises(FatalError, match=r"at the keys 3\."):
        move.verify(0)


def state(move: DirectMove) -> LedgerState:
    with move.pools.begin(TARGET) as control:
        return ledger_state(control, move.table)


def touched(move: DirectMove) -> int:
    with move.pools.begin(TARGET) as control:
        return count_touched(control, move.table)


def write_both(move: DirectMove, feed: Feed, number: int, text: str) -> None:
    """A change of the source that the stream brings at once."""
    with move.pools.begin(SOURCE) as source:
        run(source, f"UPDATE {move.table.source} SET v = '{text}' WHERE id = {number}")
    key = str(number).encode()
    feed.update(((key,), (key, text.encode(), key)))
    drained(move)


@pytest.mark.parametrize("point", [Point.VERIFY_SOURCE_READ, Point.VERIFY_TARGET_READ])
def test_a_chunk_that_is_always_being_written_is_verified_all_the_same(
    move: DirectMove, point: Point
) -> None:
    """In full, except for the rows written meanwhile; then those. A hot table must converge."""
    drained(move)
    with move.applier() as feed:
        with at(point, lambda: write_both(move, feed, 3, "during")):
            assert move.verify(0) is Verdict.INCONCLUSIVE
        assert state(move).never_verified == 0
        assert (state(move).dirty, touched(move)) == (1, 1)
        with at(point, lambda: write_both(move, feed, 4, "again")):
            assert move.verify(0) is Verdict.INCONCLUSIVE
        assert (state(move).dirty, touched(move)) == (1, 1)
        assert move.verify(0) is Verdict.VERIFIED
    assert (state(move).dirty, touched(move)) == (0, 0)


def test_a_stale_row_is_found_among_rows_that_are_being_written(move: DirectMove) -> None:
    on_target(move, "UPDATE {t} SET v = 'stale' WHERE id = 5")
    drained(move)
    with (
        move.applier() as feed,
        at(Point.VERIFY_SOURCE_READ, lambda: write_both(move, feed, 3, "during")),
    ):
        assert move.verify(0) is Verdict.REPAIRED
    assert move.verify(0) is Verdict.VERIFIED
    table = move.table.definition
    assert rows_of(move.pools, TARGET, table) == rows_of(move.pools, SOURCE, table)


def test_a_touched_row_that_arrived_wrong_is_found_by_its_key(move: DirectMove) -> None:
    drained(move)
    assert move.verify(0) is Verdict.VERIFIED
    with move.applier() as feed:
        write_both(move, feed, 3, "right")
        on_target(move, "UPDATE {t} SET v = 'wrong' WHERE id = 3")
    assert move.verify(0) is Verdict.INCONCLUSIVE  # and must be verified in full again
    assert state(move).never_verified == 1
    assert move.verify(0) is Verdict.REPAIRED
    assert move.verify(0) is Verdict.VERIFIED
    table = move.table.definition
    assert rows_of(move.pools, TARGET, table) == rows_of(move.pools, SOURCE, table)


def test_a_key_touched_while_it_is_verified_is_not_forgotten(move: DirectMove) -> None:
    drained(move)
    assert move.verify(0) is Verdict.VERIFIED
    with move.applier() as feed:
        write_both(move, feed, 3, "one")
        with at(Point.VERIFY_TARGET_READ, lambda: feed.update(((b"3",), (b"3", b"two", b"3")))):
            assert move.verify(0) is Verdict.INCONCLUSIVE
    assert (state(move).dirty, touched(move)) == (1, 1)


def test_a_deleted_row_and_a_new_one_are_verified_by_their_keys(move: DirectMove) -> None:
    drained(move)
    assert move.verify(0) is Verdict.VERIFIED
    with move.applier() as feed:
        with move.pools.begin(SOURCE) as source:
            run(source, f"DELETE FROM {move.table.source} WHERE id = 3")
            run(source, f"INSERT INTO {move.table.source} VALUES (31, 'born', 31)")
        feed.delete((b"3",))
        feed.insert((b"31", b"born", b"31"))
        drained(move)
    assert touched(move) == 2
    assert move.verify(0) is Verdict.VERIFIED
