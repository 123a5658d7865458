"""I4: a row deleted on the source while its chunk is in flight does not come back.

The orders of the race are enumerated: the chunk reads, writes, sweeps, commits; the delete
is applied before or after each. The first test shows that the danger is real.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point, at
from tests.support.direct import DirectMove, rows_of
from tests.support.moves import SOURCE, TARGET

KEYS = [(str(number).encode(),) for number in range(1, 101)]


@pytest.fixture
def move(pools: Pools, schema: str) -> DirectMove:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(20), UNIQUE (v))")
        values = ", ".join(f"({number}, 'v{number}')" for number in range(1, 101))
        run(source, f"INSERT INTO {schema}.t VALUES {values}")
    return DirectMove.of(pools, schema, "t")


def delete_on_source(move: DirectMove, first: int, last: int) -> None:
    with move.pools.begin(SOURCE) as source:
        name = move.table.source
        run(source, f"DELETE FROM {name} WHERE id BETWEEN {first} AND {last}")


def copy_while(move: DirectMove, point: Point, action: Callable[[], None]) -> None:
    """Copy the only chunk, with `action` taken once at `point`."""
    move.advance()
    (number,) = move.sent.chunks
    with at(point, action):
        assert move.copy(number) is not None


def assert_same(move: DirectMove) -> None:
    table = move.table.definition
    assert rows_of(move.pools, TARGET, table) == rows_of(move.pools, SOURCE, table)


def test_without_tombstones_a_deleted_row_does_come_back(move: DirectMove) -> None:
    with move.applier(tombstones=False) as feed:

        def delete_between_read_and_write() -> None:
            delete_on_source(move, 10, 19)
            feed.delete(*KEYS[9:19])

        copy_while(move, Point.COPY_READ, delete_between_read_and_write)
    table = move.table.definition
    phantoms = rows_of(move.pools, TARGET, table) - rows_of(move.pools, SOURCE, table)
    assert len(phantoms) == 10


@pytest.mark.parametrize("point", [Point.COPY_CLAIMED, Point.COPY_READ])
def test_read_delete_apply_write_leaves_no_phantom(move: DirectMove, point: Point) -> None:
    with move.applier() as feed:

        def delete() -> None:
            delete_on_source(move, 10, 19)
            feed.delete(*KEYS[9:19])

        copy_while(move, point, delete)
    assert_same(move)


@pytest.mark.parametrize("point", [Point.COPY_WRITTEN, Point.COPY_BEFORE_COMMIT])
def test_write_delete_apply_waits_for_the_chunk_and_leaves_no_phantom(
    move: DirectMove, point: Point
) -> None:
    """The applier's delete meets the chunk's row locks, in another thread."""
    with move.applier() as feed:
        applying = threading.Thread(target=feed.delete, args=KEYS[9:19])

        def delete() -> None:
            delete_on_source(move, 10, 19)
            applying.start()
            applying.join(timeout=0.3)

        copy_while(move, point, delete)
        applying.join(timeout=20)
        assert not applying.is_alive()
    assert_same(move)


def test_read_delete_insert_again_apply_keeps_the_newer_row(move: DirectMove) -> None:
    with move.applier() as feed:

        def replace() -> None:
            delete_on_source(move, 10, 10)
            feed.delete(KEYS[9])
            with move.pools.begin(SOURCE) as source:
                run(source, f"INSERT INTO {move.table.source} VALUES (10, 'newer')")
            feed.insert((b"10", b"newer"))

        copy_while(move, Point.COPY_READ, replace)
    assert_same(move)


def test_read_key_change_apply_write_leaves_no_phantom(move: DirectMove) -> None:
    with move.applier() as feed:

        def change_key() -> None:
            with move.pools.begin(SOURCE) as source:
                run(source, f"UPDATE {move.table.source} SET id = 1000 WHERE id = 10")
            feed.update((KEYS[9], (b"1000", b"v10")))

        copy_while(move, Point.COPY_READ, change_key)
    assert_same(move)


def test_read_unique_swap_apply_write_loses_no_row(move: DirectMove) -> None:
    """gh-ost's move-tables loses a row here: an ignored insert, then an update of nothing."""
    with move.applier() as feed:

        def swap() -> None:
            with move.pools.begin(SOURCE) as source:
                for change in ("v='x' WHERE id=10", "v='v10' WHERE id=20", "v='v20' WHERE id=10"):
                    run(source, f"UPDATE {move.table.source} SET {change}")
            feed.update((KEYS[9], (b"10", b"v20")), (KEYS[19], (b"20", b"v10")))

        copy_while(move, Point.COPY_READ, swap)
    assert_same(move)
