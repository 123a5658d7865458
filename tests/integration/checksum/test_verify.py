"""I6: verified means now. What differs is found, and repaired without undoing newer rows."""

from __future__ import annotations

import threading
from dataclasses import replace
from hashlib import sha256
from itertools import count

import pytest

from pipeline.checksum.digest import range_digest
from pipeline.checksum.row_hash import row_bits
from pipeline.checksum.row_sources import Rows
from pipeline.checksum.verify import Verdict
from pipeline.checksum.verify_keys import SliceVerdict
from pipeline.commands.resume import resume
from pipeline.control.chunk_checks import check_failures
from pipeline.control.chunk_map import cut_open_chunk
from pipeline.control.migrations import record_failure
from pipeline.domain.migration import Failure
from pipeline.domain.role import Role
from pipeline.errors import FatalError, FencedError, RetryableError
from pipeline.mysql.flavours import variable
from pipeline.mysql.introspect import read_table
from pipeline.mysql.keyrange import KeyRange
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.table import TableName
from pipeline.pausepoints import Point, at
from tests.conftest import Connect
from tests.support.direct import DirectMove, rows_of
from tests.support.moves import SOURCE, TARGET, story
from tests.support.once import from_second, once
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

EVERYTHING = KeyRange(None, None)


@pytest.fixture
def move(pools: Pools, schema: str) -> DirectMove:
    move = move_of_thirty(pools, schema, chunk_rows=1000)
    move.copy_all()
    return move


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


@pytest.mark.parametrize("as_number", [False, True])
def test_rows_that_differ_in_no_more_than_where_a_field_ends_have_other_bits(
    pools: Pools, schema: str, as_number: bool
) -> None:
    values = ["NULL", "''", "'N'", "'a'", "'\\t'", "'\\\\N'", "'1'", "'1\\ta'", "'a\\t1\\ta'"]
    rows = ", ".join(f"({one}, {other})" for one in values for other in values)
    with pools.begin(SOURCE) as source:
        run(
            source,
            f"CREATE TABLE {schema}.t (a VARCHAR(9), b VARBINARY(9), c JSON, n INT,"
            " id INT AUTO_INCREMENT PRIMARY KEY)",
        )
        run(source, f"INSERT INTO {schema}.t (a, b) VALUES {rows}")
        table = read_table(source, TableName(schema, "t"))
        without_key = replace(table, columns=table.columns[:-1])
        bits = row_bits(without_key, is_source=True, as_number=as_number)
        found = run(source, f"SELECT COUNT(*), COUNT(DISTINCT {bits}) FROM {schema}.t").rows
    assert found == ((81, 81),)


def test_texts_of_several_character_sets_are_hashed_as_they_are_stored(
    pools: Pools, schema: str
) -> None:
    """Converted to one, values that it does not know would be equal; and not all can be."""
    with pools.begin(SOURCE) as source:
        columns = ", ".join(
            f"{name} VARCHAR(9) CHARACTER SET {name} NOT NULL"
            for name in ("latin1", "utf8mb4", "sjis", "big5")
        )
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, {columns})")
        run(source, f"INSERT INTO {schema}.t VALUES (1, 'é', 'é', 'あ', '中')")
        bits = row_bits(read_table(source, TableName(schema, "t")), is_source=True, as_number=True)
        found = run(source, f"SELECT {bits} FROM {schema}.t").rows
    stored = b"1\t1\t2\t2\t0" + "é".encode("latin1") + "é".encode() + "あ".encode("sjis")
    hashed = sha256(stored + "中".encode("big5")).digest()
    assert found == ((int.from_bytes(hashed[:8]),),)


@pytest.mark.parametrize("kind", ["VARCHAR(9)", "BLOB", "JSON", "INT"])
def test_rows_have_the_same_bits_where_only_one_definition_allows_null(
    pools: Pools, schema: str, kind: str
) -> None:
    """An alter to NOT NULL, or back, changes no row, and would never be verified."""
    value = "'[1]'" if kind == "JSON" else "'1'"
    with pools.begin(SOURCE) as source:
        found = set()
        for name, null in (("t", "NULL"), ("u", "NOT NULL")):
            columns = f"id INT PRIMARY KEY, v {kind} {null}"
            run(source, f"CREATE TABLE {schema}.{name} ({columns})")
            run(source, f"INSERT INTO {schema}.{name} VALUES (1, {value})")
            table = read_table(source, TableName(schema, name))
            found.add(range_digest(Rows(source, table, False), EVERYTHING))
    assert len(found) == 1


# --- a chunk, in full -----------------------------------------------------------------


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


# --- a repair -------------------------------------------------------------------------


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
