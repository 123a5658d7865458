"""Rows that come in beside the stream: each is named, and none is lost without a word."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.commands import control
from pipeline.cutover import carry_over, finish, late_writes
from pipeline.cutover.alter_locks import Swap
from pipeline.domain.stages import Stage
from pipeline.errors import RetryableError
from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.pools import run
from pipeline.pausepoints import Point, at
from pipeline.status.progress import read_progress
from pipeline.step.context import Context
from pipeline.stream import log_search
from tests.conftest import Connect
from tests.support.cut_overs import ReadyAlter, ReadyMove
from tests.support.moves import SOURCE, TARGET, read_alarms, story
from tests.support.once import once

# --- between an alter's proof and its swap ------------------------------------------------


@pytest.fixture
def slipping(alter: ReadyAlter, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have the connection that holds the lock write between the proof and the swap.

    Nobody else can as long as the server keeps its promise; its log shows the same.
    """

    def slip(statement: str) -> None:
        let_through = Swap.let_through

        def write_and_let_through(swap: Swap) -> None:
            run(swap.lock, statement.format(t=f"{alter.schema}.t"))
            let_through(swap)

        monkeypatch.setattr(Swap, "let_through", write_and_let_through)

    return slip


def without_triggers(alter: ReadyAlter) -> None:
    alter.run(f"DROP TRIGGER {alter.schema}.note")


def test_rows_written_between_the_proof_and_the_swap_are_carried_over_and_named(
    alter: ReadyAlter, slipping: Callable[[str], None]
) -> None:
    without_triggers(alter)
    slipping("UPDATE {t} SET v = IF(id = 1, 'late', v), id = IF(id = 2, 9, id) WHERE id < 3")
    alter.coordinators.until(Stage.DONE)
    rows = alter.run(f"SELECT id, v, c FROM {alter.schema}.t ORDER BY id")
    assert rows == [(1, "late", 7), (3, "y", 7), (9, "b", 7)]
    assert "at the keys 1; 2; 9; carried over: 1; 2; 9." in read_alarms(alter.pools, alter.id)


def test_rows_written_late_never_go_over_what_the_application_has_written_since(
    alter: ReadyAlter, slipping: Callable[[str], None]
) -> None:
    without_triggers(alter)
    slipping("UPDATE {t} SET v = 'late' WHERE id < 3")

    def write() -> None:
        alter.run(f"UPDATE {alter.schema}.t SET v = 'newer' WHERE id = 1")

    with at(Point.SWAPPED, once(write)):
        alter.coordinators.until(Stage.DONE)
    rows = alter.run(f"SELECT id, v FROM {alter.schema}.t ORDER BY id")
    assert rows == [(1, "newer"), (2, "late"), (3, "y")]
    said = read_alarms(alter.pools, alter.id)
    assert "carried over: 2; for a person to compare with" in said
    assert "t_tranship_old: 1." in said


def test_rows_written_late_that_cannot_be_read_are_left_to_a_person(
    alter: ReadyAlter, slipping: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    without_triggers(alter)
    slipping("UPDATE {t} SET v = 'late' WHERE id < 3")
    monkeypatch.setattr(log_search, "_HELD_BYTES", 0)
    alter.coordinators.until(Stage.DONE)
    said = read_alarms(alter.pools, alter.id)
    assert f"{alter.schema}.t at keys that can't be told" in said
    assert "Nothing was carried over" in said


def lose_the_connection() -> None:
    raise RetryableError("The connection is lost.")


def test_rows_whose_commit_is_not_answered_are_not_told_as_left_out(
    alter: ReadyAlter, slipping: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person would write them over newer ones."""
    without_triggers(alter)
    slipping("UPDATE {t} SET v = 'late' WHERE id = 1")
    carry = carry_over._carry

    def carry_without_answer(context: Context, late: carry_over.Late) -> None:
        carry(context, late)
        lose_the_connection()

    monkeypatch.setattr(carry_over, "_carry", carry_without_answer)
    alter.coordinators.until(Stage.DONE)
    assert read_alarms(alter.pools, alter.id).endswith("at the keys 1; carried over: 1.")


@pytest.fixture
def losing_connections(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Have something done before each search for late writes."""

    def lose(action: Callable[[], None]) -> None:
        def search(context: Context) -> None:
            action()
            late_writes.tell_late_writes(context)

        monkeypatch.setattr(finish, "tell_late_writes", search)

    return lose


def test_a_connection_lost_in_a_search_leaves_no_row_out(
    alter: ReadyAlter,
    slipping: Callable[[str], None],
    losing_connections: Callable[[Callable[[], None]], None],
) -> None:
    without_triggers(alter)
    slipping("UPDATE {t} SET v = 'late' WHERE id = 1")
    losing_connections(once(lose_the_connection))
    alter.coordinators.until(Stage.DONE)
    assert read_alarms(alter.pools, alter.id).endswith("at the keys 1; carried over: 1.")


def test_a_search_that_never_succeeds_is_an_alarm_and_holds_nothing_up(
    alter: ReadyAlter,
    losing_connections: Callable[[Callable[[], None]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finish, "_SEARCHED_S", 0)
    losing_connections(lose_the_connection)
    alter.coordinators.until(Stage.DONE)
    said = read_alarms(alter.pools, alter.id)
    assert "can't be searched: The connection is lost." in said
    assert f"compare it with {alter.schema}.t_tranship_old." in said


def test_a_search_that_ends_before_the_swap_says_so(
    alter: ReadyAlter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_writes, "_LIMIT_S", -1)
    alter.coordinators.until(Stage.DONE)
    assert "was not searched to its end in time" in story(alter.pools, alter.id)


@pytest.mark.long
def test_rows_written_late_fire_no_trigger_a_second_time(
    alter: ReadyAlter, slipping: Callable[[str], None]
) -> None:
    slipping("DELETE FROM {t} WHERE id = 2")
    alter.coordinators.until(Stage.DONE)
    assert alter.run(f"SELECT id FROM {alter.schema}.t WHERE id = 2") == [(2,)]
    assert "at the keys 2; for a person" in read_alarms(alter.pools, alter.id)


# --- after a move's rename ----------------------------------------------------------------


@pytest.mark.parametrize("name", ["_one_del", pytest.param("one", marks=pytest.mark.long)])
def test_rows_that_the_source_takes_after_the_rename_are_named(move: ReadyMove, name: str) -> None:
    theirs = f"{move.schema}.{name}"

    def write() -> None:
        with move.pools.begin(SOURCE) as source:
            if name == "one":
                run(source, f"CREATE TABLE IF NOT EXISTS {theirs} LIKE {move.schema}._one_del")
            run(source, f"INSERT INTO {theirs} VALUES (77, 'late')")

    with at(Point.BEFORE_SUCCESS_HOOK, once(write)):
        move.coordinators.until(Stage.DONE)
    said = read_alarms(move.pools, move.id)
    assert f"written on old after the last change that was applied: {theirs} at the keys 77" in said


def test_a_swap_in_which_nobody_writes_late_raises_no_alarm(alter: ReadyAlter) -> None:
    alter.ends_done()
    assert read_alarms(alter.pools, alter.id) == ""


@pytest.mark.long
def test_a_cut_over_in_which_nobody_writes_late_raises_no_alarm(move: ReadyMove) -> None:
    move.ends_done()
    assert read_alarms(move.pools, move.id) == ""


# --- on the target, before the switch -----------------------------------------------------


def test_a_row_that_somebody_else_writes_to_a_verified_chunk_is_named_and_repaired(
    move: ReadyMove, connect: Connect
) -> None:
    other = connect(TARGET, autocommit=True)
    with other.cursor() as cursor:
        cursor.execute(f"UPDATE {move.schema}.one SET v = 'theirs' WHERE id = 2")
    move.ends_done()
    said = read_alarms(move.pools, move.id)
    assert f"{move.schema}.one at the keys 2" in said
    assert names_connection(move, said, f"by connection {other.thread_id()} (")
    assert read_progress(move.pools, TARGET, move.id).alarm == said


def names_connection(move: ReadyMove, said: str, named: str) -> bool:
    """Whether it is told as far as the server can: MariaDB logs rows without a connection."""
    with move.pools.begin(TARGET) as target:
        return is_mariadb(target) or named in said


@pytest.mark.long
def test_a_statement_of_somebody_else_on_a_target_table_has_it_verified_again(
    move: ReadyMove,
) -> None:
    with move.pools.begin(TARGET) as target:
        run(target, f"TRUNCATE TABLE {move.schema}.one")
    move.ends_done()
    assert f"TRUNCATE TABLE {move.schema}.one" in read_alarms(move.pools, move.id)


def test_a_log_that_can_no_longer_be_searched_is_an_alarm(move: ReadyMove) -> None:
    with move.pools.begin(TARGET) as target:
        if is_mariadb(target):
            pytest.skip("a position that it refuses looks otherwise")
        lost = "CONCAT(@@server_uuid, ':2-99999999')"
        where = f"migration_id = '{move.id}'"
        run(target, f"UPDATE tranship.watches SET seen = {lost} WHERE {where}")
    move.ends_done()
    assert "what others write to new can't be seen any more" in read_alarms(move.pools, move.id)


def test_a_row_that_somebody_else_writes_right_before_the_switch_is_named(
    move: ReadyMove, connect: Connect
) -> None:
    other = connect(TARGET, autocommit=True)

    def write() -> None:
        with other.cursor() as cursor:
            cursor.execute(f"UPDATE {move.schema}.two SET v = 'theirs' WHERE id = 2")

    with at(Point.VERIFYING, once(write)):
        move.coordinators.until(Stage.DONE)
    said = read_alarms(move.pools, move.id)
    assert f"right before the switch: {move.schema}.two at the keys 2" in said
    assert names_connection(move, said, "; by connection")


def test_what_the_application_writes_once_it_is_told_is_no_alarm(
    move: ReadyMove, connect: Connect
) -> None:
    other = connect(TARGET, autocommit=True)

    def write() -> None:
        with other.cursor() as cursor:
            cursor.execute(f"INSERT INTO {move.schema}.two VALUES (5, 'new')")

    with at(Point.DURING_SUCCESS_HOOK, once(write)):
        move.coordinators.until(Stage.DONE)
    assert read_alarms(move.pools, move.id) == ""


@pytest.mark.long
def test_a_row_that_somebody_else_writes_to_a_shadow_is_named_and_repaired(
    alter: ReadyAlter,
) -> None:
    control.postpone(alter.pools, TARGET, alter.id, "test")
    alter.run(f"UPDATE {alter.schema}.t_tranship_new SET v = 'theirs' WHERE id = 2")
    alter.allow()
    alter.ends_done()
    assert "t_tranship_new at the keys 2" in read_alarms(alter.pools, alter.id)
