"""What a move does to rows: each method by itself, between two servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection

from pipeline.control.migration_tables import read_tables
from pipeline.control.migrations import read_migration
from pipeline.domain.migration import Migration, MigrationTable
from pipeline.errors import FatalError
from pipeline.mysql.keyrange import KeyRange
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.servers import table_exists
from pipeline.strategy.base import Strategy, Written
from pipeline.strategy.choice import strategy_of
from tests.support.moves import SOURCE, TARGET, begin_move

EVERYTHING = KeyRange(None, None)


@dataclass(frozen=True)
class BothSides:
    """The sides of a migration that has been recorded. Nobody else is there: no lease."""

    pools: Pools
    migration_id: str

    @property
    def migration(self) -> Migration:
        with self.control() as control:
            return read_migration(control, self.migration_id)

    @property
    def table(self) -> MigrationTable:
        with self.control() as control:
            return read_tables(control, self.migration_id)[0]

    @contextmanager
    def control(self) -> Iterator[Connection]:
        with self.pools.begin(TARGET) as connection:
            yield connection

    @contextmanager
    def ddl(self) -> Iterator[Connection]:
        with self.control() as connection:
            yield connection

    @contextmanager
    def source(self) -> Iterator[Connection]:
        with self.pools.begin(SOURCE) as connection:
            yield connection

    def prepared(self) -> Strategy:
        """The strategy, its target made."""
        strategy = strategy_of(self.table)
        strategy.prepare_target(self)
        return strategy


@pytest.fixture
def sides(pools: Pools, schema: str) -> BothSides:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(20) UNIQUE)")
        run(source, f"INSERT INTO {schema}.t VALUES (1, 'a'), (2, 'b'), (3, NULL)")
    return BothSides(pools, begin_move(pools, schema, ["t"]))


@pytest.fixture
def move(sides: BothSides) -> Strategy:
    return sides.prepared()


def rows(sides: BothSides, move: Strategy) -> list[tuple[object, ...]]:
    with sides.control() as target:
        return list(run(target, f"SELECT id, v FROM {move.table.target} ORDER BY id").rows)


def test_a_target_that_we_created_is_known_to_be_ours_to_drop(
    sides: BothSides, move: Strategy
) -> None:
    assert sides.table.created_by_us


def test_a_target_that_exists_already_is_never_ours_to_drop(pools: Pools, schema: str) -> None:
    for server in (SOURCE, TARGET):
        with pools.begin(server) as link:
            run(link, f"CREATE DATABASE IF NOT EXISTS {schema}")
            run(link, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(20) UNIQUE)")
    sides = BothSides(pools, begin_move(pools, schema, ["t"]))
    sides.prepared()
    assert not sides.table.created_by_us


def test_a_target_prepared_twice_is_the_same_table(sides: BothSides, move: Strategy) -> None:
    first = sides.table.target_identity
    sides.prepared()
    assert first is not None
    assert sides.table.target_identity == first


def test_a_target_prepared_twice_keeps_its_rows(sides: BothSides, move: Strategy) -> None:
    with sides.control() as target:
        move.apply_images(target, b"9\tz\n")
    with pytest.raises(FatalError, match="holds rows now"):
        sides.prepared()
    assert rows(sides, move) == [(9, "z")]


def test_a_source_that_changed_since_the_start_is_never_filled_into_another_shape(
    sides: BothSides,
) -> None:
    table = sides.table
    with sides.source() as source:
        run(source, f"ALTER TABLE {table.source} MODIFY v VARCHAR(30)")
    with pytest.raises(FatalError, match="was created with"):
        sides.prepared()


def test_a_chunk_holds_what_was_there_when_it_was_read(sides: BothSides, move: Strategy) -> None:
    with sides.source() as source:
        write = move.read_chunk(source, move.table.source, EVERYTHING)
    with sides.source() as source:
        run(source, f"DELETE FROM {move.table.source}")
    with sides.control() as target:
        written = write(target)
    assert rows(sides, move) == [(1, "a"), (2, "b"), (3, None)]
    assert written == Written(rows=3, bytes=len(b"1\ta\n2\tb\n3\t\\N\n"))


def test_a_chunk_never_overwrites_what_the_stream_has_applied(
    sides: BothSides, move: Strategy
) -> None:
    with sides.control() as target:
        move.apply_images(target, b"2\tnewer\n")
    with sides.source() as source, sides.control() as target:
        move.read_chunk(source, move.table.source, EVERYTHING)(target)
    assert rows(sides, move) == [(1, "a"), (2, "newer"), (3, None)]


def test_a_chunk_is_read_under_the_name_that_the_table_has_by_then(
    sides: BothSides, move: Strategy
) -> None:
    retired = move.table.retired_name
    with sides.source() as source:
        run(source, f"RENAME TABLE {move.table.source} TO {retired}")
        assert not table_exists(source, move.table.source)
        write = move.read_chunk(source, retired, KeyRange(("1",), ("2",)))
    with sides.control() as target:
        assert write(target).rows == 1
    assert rows(sides, move) == [(2, "b")]


def test_an_image_takes_the_place_of_a_row_that_has_its_unique_value(
    sides: BothSides, move: Strategy
) -> None:
    with sides.control() as target:
        move.apply_images(target, b"1\ta\n")
        move.apply_images(target, b"2\ta\n")
    assert rows(sides, move) == [(2, "a")]


def test_no_images_are_nothing_to_write(sides: BothSides, move: Strategy) -> None:
    with sides.control() as target:
        move.apply_images(target, b"")
    assert rows(sides, move) == []


def test_rows_are_compared_as_they_are_and_where_they_are(sides: BothSides, move: Strategy) -> None:
    retired = move.table.retired_name
    with sides.source() as source:
        compared = move.comparable_rows(source, retired, "TRUE")
    assert move.compares_in_place
    assert compared.name == retired
    assert compared.columns == move.table.definition.columns
