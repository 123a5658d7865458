"""I1: exactly once. Rows and position commit together, at the end of a transaction."""

from __future__ import annotations

import time

import pytest

from pipeline.configuration.settings import Stream
from pipeline.control.chunk_checks import unverified_chunks
from pipeline.control.chunk_map import create_verified_chunk, tombstones_table, touched_table
from pipeline.control.streams import log_keys_from_now, read_stream
from pipeline.domain.role import Role
from pipeline.errors import FatalError, FencedError, RetryableError
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import Pools, connection_id, run
from pipeline.mysql.table import TableName
from pipeline.pausepoints import Point, at
from pipeline.stream.events import (
    FormerRows,
    Heartbeat,
    RowsChange,
    StatementSeen,
    TransactionBegin,
    TransactionEnd,
)
from tests.support.direct import DirectMove, rows_change, rows_of
from tests.support.moves import SOURCE, TARGET

GTID = "22222222-2222-2222-2222-222222222222"


@pytest.fixture
def move(pools: Pools, schema: str) -> DirectMove:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(20))")
    return DirectMove.of(pools, schema, "t")


def position(move: DirectMove) -> GtidSet:
    with move.pools.begin(TARGET) as control:
        state = read_stream(control, move.migration_id)
    assert state is not None
    return state.position


def rows(move: DirectMove) -> set[tuple[bytes | None, ...]]:
    return rows_of(move.pools, TARGET, move.table.definition)


def insert(move: DirectMove, *numbers: int) -> RowsChange:
    return rows_change(move.table, (), [(b"%d" % number, b"x") for number in numbers], 100)


def test_the_position_does_not_take_a_transaction_in_at_its_start(move: DirectMove) -> None:
    """gh-ost's move-tables did: a kill in the middle of 150,000 updates lost the rest."""
    small = replace_settings(move, batch_rows=10)
    with move.applier() as feed:
        feed.applier.settings = small
        feed.applier.handle(TransactionBegin(f"{GTID}:1"))
        for start in range(0, 1000, 50):
            feed.applier.handle(insert(move, *range(start, start + 50)))
            assert not feed.applier.between_transactions
        assert f"{GTID}:1" not in position(move)
        assert rows(move) == set()
    # The applier is gone without a commit, as after a SIGKILL: neither rows nor position.
    assert rows(move) == set()
    assert f"{GTID}:1" not in position(move)


def replace_settings(move: DirectMove, **values: float) -> Stream:
    return move.pools.settings.stream.model_copy(update=values)


def test_a_transaction_larger_than_a_batch_commits_completely_with_its_position(
    move: DirectMove,
) -> None:
    with move.applier() as feed:
        feed.applier.settings = replace_settings(move, batch_rows=10)
        feed.applier.handle(TransactionBegin(f"{GTID}:1"))
        for start in range(0, 1000, 50):
            feed.applier.handle(insert(move, *range(start, start + 50)))
        feed.applier.handle(TransactionEnd(f"{GTID}:1", 5, ()))
    assert len(rows(move)) == 1000
    assert f"{GTID}:1" in position(move)


def test_a_heartbeat_never_moves_the_position_past_unapplied_changes(move: DirectMove) -> None:
    """gh-ost's checkpoint once ran ahead that way, and lost the rows on resume."""
    with move.applier() as feed:
        feed.applier.settings = replace_settings(move, batch_s=60)
        for event in (TransactionBegin(f"{GTID}:1"), insert(move, 1)):
            feed.applier.handle(event)
        feed.applier.handle(Heartbeat())
        feed.applier.handle(TransactionEnd(f"{GTID}:1", 5, ()))
        feed.applier.handle(Heartbeat())
        assert f"{GTID}:1" not in position(move)
        assert rows(move) == set()


def test_a_foreign_transaction_never_moves_the_position_past_unapplied_changes(
    move: DirectMove,
) -> None:
    with move.applier() as feed:
        feed.applier.settings = replace_settings(move, batch_s=60)
        for event in (
            TransactionBegin(f"{GTID}:1"),
            insert(move, 1),
            TransactionEnd(f"{GTID}:1", 5, ()),
            TransactionBegin(f"{GTID}:2"),  # on another table: no rows for us
            TransactionEnd(f"{GTID}:2", 5, ()),
        ):
            feed.applier.handle(event)
            assert f"{GTID}:2" not in position(move)
        feed.applier.commit()
    assert rows(move) == {(b"1", b"x")}
    assert f"{GTID}:1" in position(move)
    assert f"{GTID}:2" in position(move)


def test_empty_and_foreign_transactions_alone_move_the_position(move: DirectMove) -> None:
    """Or the drain never ends when the last transactions before the rename are such."""
    with move.applier() as feed:
        feed.applier.handle(TransactionBegin(f"{GTID}:1"))
        feed.applier.handle(TransactionEnd(f"{GTID}:1", 5, ()))
        feed.applier.commit()
    assert f"{GTID}:1" in position(move)


def test_a_fenced_applier_commits_neither_rows_nor_position(move: DirectMove) -> None:
    with move.applier() as feed:
        with move.pools.begin(TARGET) as control:
            run(control, "UPDATE tranship.leases SET expires_at = '2000-01-01'")
        assert move.take(Role.STREAM) is not None
        with pytest.raises(FencedError):
            feed.insert((b"1", b"x"))
    assert rows(move) == set()
    assert f"{GTID}:1" not in position(move)


def test_what_a_kill_just_before_the_commit_leaves_is_nothing(move: DirectMove) -> None:
    class KilledError(Exception):
        pass

    def die() -> None:
        raise KilledError

    with move.applier() as feed, at(Point.STREAM_BEFORE_COMMIT, die), pytest.raises(KilledError):
        feed.insert((b"1", b"x"))
    assert rows(move) == set()


def test_a_connection_lost_while_rows_are_written_is_no_defect(move: DirectMove) -> None:
    """Five of them, restarts of the target among them, ended a migration."""
    with move.applier() as feed:
        feed.insert((b"1", b"x"))
        with move.pools.begin(TARGET) as other:
            run(other, f"KILL {connection_id(feed.applier.connection)}")
        with pytest.raises(RetryableError):
            feed.insert((b"2", b"x"))
    assert rows(move) == {(b"1", b"x")}


def test_ddl_on_a_table_of_the_migration_stops_at_the_exact_place(move: DirectMove) -> None:
    name = move.table.source
    with move.applier() as feed:
        feed.applier.settings = replace_settings(move, batch_s=60)
        for event in (
            TransactionBegin(f"{GTID}:1"),
            insert(move, 1),
            TransactionEnd(f"{GTID}:1", 5, ()),
            TransactionBegin(f"{GTID}:2"),
        ):
            feed.applier.handle(event)
        with pytest.raises(FatalError, match="ALTER TABLE"):
            feed.applier.handle(StatementSeen(name, "ALTER TABLE", "ALTER ...", f"{GTID}:2", False))
    assert rows(move) == {(b"1", b"x")}
    assert f"{GTID}:2" not in position(move)


def test_our_own_rename_does_not_stop_the_stream(move: DirectMove) -> None:
    with move.applier() as feed:
        sql = f"RENAME TABLE t TO _t_del /* tranship {move.migration_id} */"
        name = TableName("x", "t")
        feed.applier.handle(StatementSeen(name, "RENAME TABLE", sql, f"{GTID}:1", False))


@pytest.mark.parametrize(
    ("first", "second"),
    [((b"1", b"a"), (b"1", b"b")), ((b"1", b"a"), (b"2", b"a"))],
)
def test_the_last_image_of_a_key_wins_within_a_batch(
    move: DirectMove, first: tuple[bytes, ...], second: tuple[bytes, ...]
) -> None:
    with move.applier() as feed:
        feed.insert(first)
        feed.update((first[:1], second))
    assert rows(move) == {second}


def test_a_row_that_changes_again_and_again_does_not_fill_a_batch(move: DirectMove) -> None:
    with move.applier() as feed:
        feed.applier.settings = replace_settings(move, batch_rows=10, batch_s=60)
        for number in range(1, 51):
            feed.applier.handle(TransactionBegin(f"{GTID}:{number}"))
            feed.applier.handle(insert(move, 1, 2))
            feed.applier.handle(TransactionEnd(f"{GTID}:{number}", 5, ()))
        assert rows(move) == set()
        feed.applier.commit()
    assert len(rows(move)) == 2
    assert f"{GTID}:1-50" in str(position(move))


def test_a_chain_of_key_changes_in_one_event_ends_with_the_last(move: DirectMove) -> None:
    with move.applier() as feed:
        feed.insert((b"1", b"a"), (b"2", b"b"))
        feed.update(((b"2",), (b"3", b"b")), ((b"1",), (b"2", b"a")))
    assert rows(move) == {(b"2", b"a"), (b"3", b"b")}


def test_a_key_that_becomes_one_equal_by_collation_is_neither_deleted_nor_dead(
    pools: Pools, schema: str
) -> None:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (k VARCHAR(9) PRIMARY KEY, v INT) CHARSET latin1")
    move = DirectMove.of(pools, schema, "t")
    with move.applier() as feed:
        feed.insert((b"a", b"1"))
        feed.update(((b"a",), (b"A", b"2")))
    assert rows(move) == {(b"A", b"2")}
    with pools.begin(TARGET) as control:
        assert run(control, f"SELECT * FROM {tombstones_table(move.table)}").rows == ()


def logged(move: DirectMove) -> list[tuple[int, bytes]]:
    """Batch and key of all that is in the log, in its order."""
    log = touched_table(move.table)
    with move.pools.begin(TARGET) as control:
        rows = run(control, f"SELECT batch, key_lines FROM {log} ORDER BY batch, place").rows
    return [(batch, key) for batch, lines in rows for key in lines.split(b"\n")]


def begin_log(move: DirectMove) -> None:
    with move.pools.begin(TARGET) as control:
        log_keys_from_now(control, move.migration_id)


def test_the_log_holds_every_key_that_a_batch_has_changed(move: DirectMove) -> None:
    begin_log(move)
    with move.applier() as feed:
        feed.insert((b"1", b"a"), (b"2", b"b"))
        feed.update(((b"2",), (b"3", b"b")))
        feed.delete((b"1",))
    assert logged(move) == [(1, b"1"), (1, b"2"), (2, b"2"), (2, b"3"), (3, b"1")]


def test_the_log_holds_every_key_of_a_transaction_larger_than_a_batch(move: DirectMove) -> None:
    begin_log(move)
    with move.applier() as feed:
        feed.applier.settings = replace_settings(move, batch_rows=10)
        feed.applier.handle(TransactionBegin(f"{GTID}:1"))
        for _ in range(2):  # the same keys again, in the same batch
            for start in range(0, 200, 50):
                feed.applier.handle(insert(move, *range(start, start + 50)))
        feed.applier.handle(TransactionEnd(f"{GTID}:1", 5, ()))
    assert {int(key) for _, key in logged(move)} == set(range(200))


def test_a_batch_that_is_rolled_back_leaves_no_key_in_the_log(move: DirectMove) -> None:
    begin_log(move)
    with move.applier() as feed:
        with move.pools.begin(TARGET) as control:
            run(control, "UPDATE tranship.leases SET expires_at = '2000-01-01'")
        assert move.take(Role.STREAM) is not None
        with pytest.raises(FencedError):
            feed.insert((b"1", b"x"))
    assert logged(move) == []


def test_a_batch_written_before_verification_began_and_committed_after_is_in_the_log(
    move: DirectMove,
) -> None:
    """A verification that began in between needs its keys, or takes it for a difference."""
    with move.applier() as feed:
        feed.insert((b"1", b"x"))
        with at(Point.STREAM_FLUSHED, lambda: begin_log(move)):
            feed.insert((b"2", b"x"))
        feed.insert((b"3", b"x"))
    assert logged(move) == [(2, b"2"), (3, b"3")]


def test_a_large_transaction_during_which_verification_began_is_applied_again(
    move: DirectMove,
) -> None:
    with move.applier() as feed:
        feed.applier.settings = replace_settings(move, batch_rows=10)
        feed.applier.handle(TransactionBegin(f"{GTID}:1"))
        feed.applier.handle(insert(move, *range(50)))
        begin_log(move)
        with pytest.raises(RetryableError):
            feed.applier.handle(TransactionEnd(f"{GTID}:1", 5, ()))
    assert rows(move) == set()
    assert f"{GTID}:1" not in position(move)


def test_our_own_rename_commits_what_came_before_it_at_once(move: DirectMove) -> None:
    """The writes that it ended are what the cut-over waits for."""
    with move.applier() as feed:
        feed.applier.settings = replace_settings(move, batch_s=3600)
        feed.applier.handle(TransactionBegin(f"{GTID}:1"))
        feed.applier.handle(insert(move, 1))
        feed.applier.handle(TransactionEnd(f"{GTID}:1", 5, ()))
        assert not feed.applier.idle
        feed.applier.handle(TransactionBegin(f"{GTID}:2"))
        sql = f"RENAME TABLE t TO _t_del /* tranship {move.migration_id} */"
        feed.applier.handle(StatementSeen(move.table.source, "RENAME", sql, f"{GTID}:2", False))
        feed.applier.handle(TransactionEnd(f"{GTID}:2", 5, ()))
        assert feed.applier.idle
    assert f"{GTID}:2" in position(move)


def test_while_writes_are_blocked_no_batch_is_waited_for(move: DirectMove) -> None:
    with move.applier() as feed:
        feed.applier.settings = replace_settings(move, batch_s=3600)
        feed.applier.handle(TransactionBegin(f"{GTID}:1"))
        feed.applier.handle(TransactionEnd(f"{GTID}:1", 5, ()))
        time.sleep(0.03)
        assert not feed.applier.due
        feed.applier.hurries = True
        assert feed.applier.due


def test_before_the_swap_that_a_way_back_begins_with_nothing_is_committed(
    move: DirectMove,
) -> None:
    """A stream that begins anew would take what is left before the swap for the new table's."""
    with move.pools.begin(TARGET) as control:
        run(control, f"DELETE FROM tranship.chunk_checks WHERE table_id = {move.table.id}")
        run(control, f"DELETE FROM tranship.chunks WHERE table_id = {move.table.id}")
        create_verified_chunk(control, move.table)
    with move.applier() as feed:
        feed.applier.takes_back, feed.applier.before_swap = "m0", True
        feed.applier.handle(TransactionBegin(f"{GTID}:1"))
        feed.applier.handle(FormerRows(move.table.source))
        feed.applier.handle(TransactionEnd(f"{GTID}:1", 5, ()))
        assert feed.applier.idle
        sql = "RENAME TABLE t TO t_tranship_old /* tranship m0 */"
        feed.applier.handle(TransactionBegin(f"{GTID}:2"))
        feed.applier.handle(StatementSeen(move.table.source, "RENAME", sql, f"{GTID}:2", False))
        feed.applier.handle(TransactionEnd(f"{GTID}:2", 5, ()))
        assert not feed.applier.idle
        feed.applier.commit()
    assert f"{GTID}:1" in position(move)
    with move.pools.begin(TARGET) as control:
        assert unverified_chunks(control, move.table, 1), "the proof would not cover these rows"
