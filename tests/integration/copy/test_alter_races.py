"""The races of the copy, where one statement reads and writes on the same server."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point, at
from tests.support.alters import SERVER, begin_alter
from tests.support.direct import DirectMove

KEYS = [(str(number).encode(),) for number in range(1, 101)]
CHANGES = ("ADD COLUMN c INT", "MODIFY f DECIMAL(9,4)")  # copied directly; by way of a check


@pytest.fixture(params=CHANGES)
def alter(request: pytest.FixtureRequest, pools: Pools, schema: str) -> DirectMove:
    with pools.begin(SERVER) as server:
        run(server, f"CREATE DATABASE {schema}")
        run(server, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, f DOUBLE, v INT UNIQUE)")
        values = ", ".join(f"({number}, {number}, {number})" for number in range(1, 101))
        run(server, f"INSERT INTO {schema}.t VALUES {values}")
    alter = DirectMove(pools, begin_alter(pools, schema, "t", request.param), server=SERVER)
    alter.advance()
    return alter


def copy_while(alter: DirectMove, point: Point, action: Callable[[], None]) -> None:
    """Copy the only chunk, with `action` taken once at `point`."""
    alter.advance()
    (number,) = alter.sent.chunks
    with at(point, action):
        assert alter.copy(number) is not None


def delete(alter: DirectMove, first: int, last: int) -> None:
    with alter.pools.begin(SERVER) as server:
        run(server, f"DELETE FROM {alter.table.source} WHERE id BETWEEN {first} AND {last}")


def ids(alter: DirectMove, name: object) -> list[int]:
    with alter.pools.begin(SERVER) as server:
        return [row[0] for row in run(server, f"SELECT id FROM {name} ORDER BY id").rows]


def test_a_row_deleted_before_the_statement_reads_leaves_no_phantom(alter: DirectMove) -> None:
    with alter.applier() as feed:

        def delete_and_apply() -> None:
            delete(alter, 10, 19)
            feed.delete(*KEYS[9:19])

        copy_while(alter, Point.COPY_READ, delete_and_apply)
    assert ids(alter, alter.table.target) == ids(alter, alter.table.source)


def test_a_tombstone_removes_what_the_statement_has_written(alter: DirectMove) -> None:
    """The statement read the row; its delete was applied before the sweep (I4)."""
    with alter.applier() as feed:
        feed.delete(*KEYS[9:19])  # applied, while the original still shows the rows
        copy_while(alter, Point.COPY_READ, lambda: None)
    delete(alter, 10, 19)
    assert ids(alter, alter.table.target) == ids(alter, alter.table.source)


def test_no_row_of_the_original_is_locked_by_the_copy(alter: DirectMove) -> None:
    """I5: an application's update of a row that is being copied does not wait."""
    locked: list[object] = []

    def update() -> None:
        with alter.pools.begin(SERVER) as server:
            run(server, "SET SESSION innodb_lock_wait_timeout = 1")
            run(server, f"UPDATE {alter.table.source} SET f = f + 1 WHERE id BETWEEN 1 AND 100")
            table = alter.table.source.name
            locked.extend(
                run(
                    server,
                    "SELECT lock_mode FROM performance_schema.data_locks l JOIN"
                    " performance_schema.threads t USING (thread_id)"
                    f" WHERE object_name = '{table}' AND lock_type = 'RECORD'"
                    " AND t.processlist_id <> CONNECTION_ID()",
                ).rows
            )
            run(server, "SET SESSION innodb_lock_wait_timeout = 5")

    copy_while(alter, Point.COPY_WRITTEN, update)
    assert locked == []


def test_an_applied_change_is_newer_than_what_the_copy_reads(alter: DirectMove) -> None:
    row = (b"5", b"777", b"5")
    with alter.applier() as feed:
        feed.update(((b"5",), row))  # applied before the copy, which reads an older state
        copy_while(alter, Point.COPY_READ, lambda: None)
    with alter.pools.begin(SERVER) as server:
        found = run(server, f"SELECT f FROM {alter.table.target} WHERE id = 5").rows
    assert int(found[0][0]) == 777
