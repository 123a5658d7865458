"""Deferred indexes: never missing at the cut-over, never added twice, whatever is killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from pipeline.commands import control
from pipeline.commands.clean_up import clean_up
from pipeline.commands.resume import resume
from pipeline.control.index_builds import IndexBuild, find_build
from pipeline.control.migration_tables import read_tables
from pipeline.domain.migration import MigrationTable
from pipeline.domain.stages import Stage
from pipeline.errors import known
from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.indexes import index_names
from pipeline.mysql.pools import Pools, connection_is_alive, connection_is_busy, run
from pipeline.mysql.servers import create_statement, table_exists
from pipeline.pausepoints import Point
from pipeline.status.indexes import BuildState
from pipeline.status.progress import read_progress
from tests.support.coordinators import Coordinators, hurried, streaming
from tests.support.moves import SOURCE, TARGET, begin_move, read, wait_until

DEFERRED = {"by_a", "by_note", "by_both"}
KEPT = {"by_number", "words", "doubled"}  # the last one in MySQL only


@dataclass
class DeferredMove:
    """A postponed move of one table whose indexes are deferred."""

    pools: Pools
    coordinators: Coordinators

    @property
    def id(self) -> str:
        return self.coordinators.migration_id

    @property
    def table(self) -> MigrationTable:
        with self.pools.begin(TARGET) as link:
            return read_tables(link, self.id)[0]

    @property
    def build(self) -> IndexBuild:
        with self.pools.begin(TARGET) as link:
            return known(find_build(link, self.table), "the build")

    @property
    def indexes(self) -> set[str]:
        with self.pools.begin(TARGET) as link:
            return index_names(link, self.table.target)

    def lines(self, server: str) -> list[str]:
        """Everything that the table is made of, in any order."""
        with self.pools.begin(server) as link:
            statement = create_statement(link, self.table.source)
        return sorted(line.rstrip(",") for line in statement.split("\n  "))

    def run(self, statement: str) -> None:
        with self.pools.begin(TARGET) as link:
            run(link, statement)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Somebody reads the target table, so that an ALTER TABLE on it waits."""
        with self.pools.begin(TARGET) as link:
            run(link, f"SELECT * FROM {self.table.target} LIMIT 1")
            yield


@pytest.fixture
def move(pools: Pools, schema: str) -> Iterator[DeferredMove]:
    with pools.begin(SOURCE) as source:
        doubled = "" if is_mariadb(source) else ", KEY doubled ((a * 2))"
        run(
            source,
            f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, number INT NOT NULL AUTO_INCREMENT,"
            " a INT, note VARCHAR(40), KEY by_number (number), KEY by_a (a),"
            " KEY by_note (note(7) DESC) COMMENT 'one, two', KEY by_both (note, a),"
            f" UNIQUE KEY only (a, id), FULLTEXT KEY words (note){doubled})",
        )
        run(source, f"INSERT INTO {schema}.t (id, a, note) VALUES (1, 1, 'a'), (2, NULL, 'b')")
    migration_id = begin_move(pools, schema, ["t"], postponed=True, defer_secondary_indexes=True)
    with hurried(pools) as quick, streaming(pools, migration_id):
        move = DeferredMove(pools, Coordinators(quick, migration_id))
        move.coordinators.until(Stage.COPYING)
        yield move


def test_a_table_is_filled_without_them_and_ready_with_all_of_them(move: DeferredMove) -> None:
    assert move.indexes <= KEPT
    move.coordinators.until(Stage.READY)
    assert move.lines(TARGET) == move.lines(SOURCE)
    shown = known(read_progress(move.pools, TARGET, move.id).tables[0].indexes, "the indexes")
    assert (set(shown.names), shown.state) == (DEFERRED, BuildState.BUILT)


def test_nothing_is_ready_while_they_are_being_added(move: DeferredMove) -> None:
    with move.held():
        move.coordinators.until_true(lambda: move.build.attempts == 1)
        for _ in range(3):
            move.coordinators.once()
        progress = read_progress(move.pools, TARGET, move.id)
        assert progress.stage is Stage.CONVERGING
        assert "3 deferred indexes to be added" in progress.next
        assert known(progress.tables[0].indexes, "the indexes").state is BuildState.BUILDING
    move.coordinators.until(Stage.READY)
    assert move.build.attempts == 1


def test_a_coordinator_that_holds_still_before_it_sends_can_send_nothing_later(
    move: DeferredMove,
) -> None:
    with move.coordinators.paused_at(Point.INDEX_INTENT) as go_on:
        first = known(move.build.connection_id, "the connection")
        move.coordinators.until_true(lambda: move.build.attempts == 2)
        with move.pools.begin(TARGET) as link:
            assert not connection_is_alive(link, first)
        move.coordinators.until(Stage.READY)
        move.run(f"DROP INDEX by_a ON {move.table.target}")  # or it could not be added again
        control.abort(move.pools, TARGET, move.id, "test")
        go_on()
    move.coordinators.until(Stage.ABORTED)
    assert "by_a" not in move.indexes


def test_a_build_outlives_its_coordinator_and_is_not_begun_again(move: DeferredMove) -> None:
    with move.held():
        move.coordinators.killed_at(Point.INDEX_SENT)
        number = known(move.build.connection_id, "the connection")
        move.coordinators.once()
        with move.pools.begin(TARGET) as link:
            assert connection_is_busy(link, number)
    move.coordinators.until(Stage.READY)
    assert move.build.attempts == 1
    assert move.lines(TARGET) == move.lines(SOURCE)


def test_a_build_that_the_server_has_ended_is_begun_again(move: DeferredMove) -> None:
    with move.held():
        move.coordinators.until_true(lambda: move.build.attempts == 1)
        move.run(f"KILL {move.build.connection_id}")
        move.coordinators.until_true(lambda: move.build.attempts == 2)
    move.coordinators.until(Stage.READY)
    assert move.indexes >= DEFERRED


def test_an_abort_ends_the_build_and_leaves_nothing_behind(move: DeferredMove) -> None:
    with move.held():
        move.coordinators.until_true(lambda: move.build.attempts == 1)
        number = known(move.build.connection_id, "the connection")
        control.abort(move.pools, TARGET, move.id, "test")
        move.coordinators.until(Stage.ABORTED)
        with move.pools.begin(TARGET) as link:
            assert not connection_is_alive(link, number)
    table = move.table
    clean_up(move.pools, TARGET, move.id, "test")
    with move.pools.begin(TARGET) as link:
        assert not table_exists(link, table.target)
        assert find_build(link, table) is None


def test_an_index_that_can_not_be_added_stops_the_move_and_says_how_to_go_on(
    move: DeferredMove,
) -> None:
    with move.held():
        move.coordinators.until_true(lambda: move.build.attempts == 1)
        move.run(f"KILL {move.build.connection_id}")
        # The same name, by hand, and another one in the way of the next attempt.
        with move.pools.begin(TARGET) as link:
            run(link, "UPDATE tranship.index_builds SET indexes = REPLACE(indexes, '(`a`)',"
                      " '(`gone`)')")  # fmt: skip
    wait_until(lambda: not_building(move), "the build ends")
    move.coordinators.until_true(lambda: read(move.pools, move.id).failure is not None)
    failure = known(read(move.pools, move.id).failure, "the failure")
    assert "gone" in failure.explanation
    assert "ADD KEY `by_a` (`gone`)" in failure.remedy
    assert "ALGORITHM" not in failure.remedy


def test_a_build_that_is_out_of_attempts_is_begun_anew_by_a_resume(move: DeferredMove) -> None:
    most = move.pools.settings.row_copy.attempts
    move.run(f"UPDATE tranship.index_builds SET attempts = {most}")
    move.coordinators.until(Stage.FAILED)
    failure = known(read(move.pools, move.id).failure, "the failure")
    assert f"after {most} attempts" in failure.explanation
    assert "ADD KEY `by_a` (`a`)" in failure.remedy
    resume(move.pools, TARGET, move.id, "test")
    move.coordinators.until(Stage.READY)
    assert move.indexes >= DEFERRED


def not_building(move: DeferredMove) -> bool:
    number = move.build.connection_id
    with move.pools.begin(TARGET) as link:
        return number is None or not connection_is_alive(link, number)


def test_a_cut_over_is_refused_if_one_of_them_is_gone_again(move: DeferredMove) -> None:
    move.coordinators.until(Stage.READY)
    move.run(f"DROP INDEX by_a ON {move.table.target}")
    control.cut_over(move.pools, TARGET, move.id, "test")
    move.coordinators.until_true(lambda: read(move.pools, move.id).failure is not None)
    failure = known(read(move.pools, move.id).failure, "the failure")
    assert "lacks indexes" in failure.explanation
    assert "ADD KEY `by_a` (`a`)" in failure.remedy
