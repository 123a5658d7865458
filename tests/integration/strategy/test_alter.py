"""What an alter does to rows: each method by itself, on one server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection

from pipeline.control.migration_tables import mark_created_by_us, note_target
from pipeline.errors import FatalError
from pipeline.mysql.catalogue import table_identity
from pipeline.mysql.keyrange import KeyRange
from pipeline.mysql.pools import Pools, lenient_sql_mode, run
from pipeline.mysql.servers import drop_if, table_exists
from pipeline.mysql.session_settings import SQL_MODE
from pipeline.strategy.alter import AlterStrategy
from pipeline.strategy.base import Strategy
from pipeline.strategy.choice import strategy_of
from tests.integration.strategy.test_move import BothSides, rows
from tests.support.alters import SERVER, begin_alter

EVERYTHING = KeyRange(None, None)
ADDED = "ADD COLUMN n INT NOT NULL"
RETYPED = "MODIFY v VARCHAR(2)"


class OneServer(BothSides):
    """The source is the target."""

    source = BothSides.control


def started(pools: Pools, schema: str, change: str) -> OneServer:
    """An alter that has been recorded, and no more."""
    with pools.begin(SERVER) as server:
        run(server, f"CREATE DATABASE {schema}")
        run(server, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(20))")
        run(server, f"INSERT INTO {schema}.t VALUES (1, 'a'), (2, 'b'), (3, NULL)")
    return OneServer(pools, begin_alter(pools, schema, "t", change))


@pytest.fixture(params=[ADDED, RETYPED], ids=["a column added", "a column retyped"])
def sides(request: pytest.FixtureRequest, pools: Pools, schema: str) -> OneServer:
    return started(pools, schema, request.param)


@pytest.fixture
def alter(sides: OneServer) -> Strategy:
    return sides.prepared()


@pytest.fixture
def retyping(pools: Pools, schema: str) -> OneServer:
    return started(pools, schema, RETYPED)


def test_a_shadow_that_an_interrupted_call_has_left_is_created_anew(
    pools: Pools, schema: str
) -> None:
    sides = started(pools, schema, ADDED)
    with sides.control() as server:
        mark_created_by_us(server, sides.table)
        run(server, f"CREATE TABLE {sides.table.target} (half INT)")
    strategy = sides.prepared()
    with sides.control() as server:
        found = run(server, f"SHOW COLUMNS FROM {strategy.table.target}").rows
    assert [row[0] for row in found] == ["id", "v", "n"]


def test_a_table_of_somebody_elses_is_never_taken_for_the_shadow(pools: Pools, schema: str) -> None:
    sides = started(pools, schema, ADDED)
    with sides.control() as server:
        run(server, f"CREATE TABLE {sides.table.target} (id INT PRIMARY KEY)")
    with pytest.raises(FatalError, match="created by somebody else"):
        sides.prepared()


def test_a_table_that_gets_the_shadows_name_after_the_look_at_it_is_never_dropped(
    pools: Pools, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = started(pools, schema, ADDED)

    @contextmanager
    def created_meanwhile(sides: OneServer) -> Iterator[Connection]:
        with sides.control() as server:
            run(server, f"CREATE TABLE {sides.table.target} (theirs INT PRIMARY KEY)")
            yield server

    monkeypatch.setattr(OneServer, "ddl", created_meanwhile)
    with pytest.raises(FatalError, match="created by somebody else"):
        sides.prepared()
    assert not sides.table.created_by_us
    with sides.control() as server:
        assert len(run(server, f"SHOW COLUMNS FROM {sides.table.target} LIKE 'theirs'").rows) == 1


def test_a_shadow_that_another_table_has_replaced_after_the_look_at_it_is_never_dropped(
    pools: Pools, schema: str
) -> None:
    sides = started(pools, schema, ADDED)
    with sides.control() as server:
        mark_created_by_us(server, sides.table)
        run(server, f"CREATE TABLE {sides.table.target} (ours INT PRIMARY KEY)")
        note_target(server, sides.table, table_identity(server, sides.table.target))
    strategy = strategy_of(sides.table)
    assert isinstance(strategy, AlterStrategy)

    looks: list[bool] = []

    def look(server: Connection) -> bool:
        looks.append(strategy.is_left_behind(server))
        if len(looks) == 1:
            run(server, f"DROP TABLE {sides.table.target}")
            run(server, f"CREATE TABLE {sides.table.target} (theirs INT PRIMARY KEY)")
        return looks[-1]

    with sides.control() as server:
        assert not drop_if(server, sides.table.target, look)
        assert table_exists(server, sides.table.target)
    assert looks == [True, False]


def test_a_table_that_changed_since_its_change_was_planned_is_never_filled(
    pools: Pools, schema: str
) -> None:
    sides = started(pools, schema, ADDED)
    with sides.control() as server:
        run(server, f"ALTER TABLE {schema}.t ADD COLUMN late INT")
    with pytest.raises(FatalError, match="has changed since"):
        sides.prepared()


def test_a_chunk_is_read_when_it_is_written(sides: OneServer, alter: Strategy) -> None:
    """There is no older read, whose deleted rows could come back."""
    with sides.source() as source:
        write = alter.read_chunk(source, alter.table.source, KeyRange(("1",), None))
        run(source, f"DELETE FROM {alter.table.source} WHERE id = 3")
    with sides.control() as target:
        assert write(target).rows == 1
    assert rows(sides, alter) == [(2, "b")]


def test_rows_that_the_stream_has_brought_already_count_as_the_chunks(
    sides: OneServer, alter: Strategy
) -> None:
    """The server's own count of them, which once went unread, and rows were missing in `status`."""
    with sides.control() as target:
        alter.apply_images(target, b"2\tN\n")
        written = alter.read_chunk(target, alter.table.source, EVERYTHING)(target)
    assert rows(sides, alter) == [(1, "a"), (2, "N"), (3, None)]
    assert written.rows == 3


def test_a_value_that_does_not_fit_is_never_copied(retyping: OneServer) -> None:
    retyped = retyping.prepared()
    with retyping.source() as source:
        run(source, f"UPDATE {retyped.table.source} SET v = 'abc' WHERE id = 2")
        write = retyped.read_chunk(source, retyped.table.source, EVERYTHING)
    with pytest.raises(FatalError, match="with key 2 can't be converted"), retyping.control() as to:
        write(to)


def test_a_value_that_does_not_fit_is_never_applied(retyping: OneServer) -> None:
    retyped = retyping.prepared()
    with pytest.raises(FatalError, match="can't be converted"), retyping.control() as target:
        retyped.apply_images(target, b"2\tabc\n")
    assert rows(retyping, retyped) == []


def test_no_images_are_nothing_to_write(sides: OneServer, alter: Strategy) -> None:
    with sides.control() as target:
        alter.apply_images(target, b"")
    assert rows(sides, alter) == []


def test_an_added_column_is_never_compared(pools: Pools, schema: str) -> None:
    sides = started(pools, schema, ADDED)
    alter = sides.prepared()
    with sides.source() as source:
        compared = alter.comparable_rows(source, alter.table.source, "TRUE")
    assert alter.compares_in_place
    assert compared.name == alter.table.source
    assert [column.name for column in compared.columns] == ["id", "v"]


def test_retyped_rows_are_compared_as_the_shadow_would_hold_them_and_stay_so(
    retyping: OneServer,
) -> None:
    retyped = retyping.prepared()
    with retyping.source() as source:
        compared = retyped.comparable_rows(source, retyped.table.source, "id > 1")
        with retyping.control() as other:  # nothing of the original is locked by then
            run(other, f"UPDATE {retyped.table.source} SET v = 'zz'")
        found = run(source, f"SELECT id, v FROM {compared.name} ORDER BY id").rows
    assert not retyped.compares_in_place
    assert [column.column_type for column in compared.columns] == ["int", "varchar(2)"]
    assert list(found) == [(2, "b"), (3, None)]


def test_a_full_binlog_cache_is_never_called_a_loss(retyping: OneServer) -> None:
    """Advice about a row's value does not help against it."""
    retyped = retyping.prepared()
    lines = b"".join(b"%d\tab\n" % number for number in range(4000))
    with retyping.control() as control:
        (size,) = run(control, "SELECT @@GLOBAL.max_binlog_cache_size").rows[0]
        run(control, "SET GLOBAL max_binlog_cache_size = 4096")
    retyping.pools.close()  # a session keeps the size that it began with
    try:
        with pytest.raises(FatalError) as full, retyping.control() as target:
            retyped.apply_images(target, lines)
    finally:
        with retyping.control() as control:
            run(control, f"SET GLOBAL max_binlog_cache_size = {size}")
        retyping.pools.close()
    assert "error 1197" in full.value.explanation
    assert "max_binlog_cache_size" in full.value.remedy


@pytest.mark.parametrize(
    "change",
    [
        "CONVERT TO CHARACTER SET utf8mb4",
        "MODIFY e ENUM('a', 'b', 'c'), MODIFY s SET('', 'x', 'y')",
        "MODIFY v VARCHAR(30) CHARACTER SET utf8mb4",
    ],
)
def test_what_only_a_lenient_session_could_write_is_never_called_a_loss(
    change: str, pools: Pools, schema: str
) -> None:
    """An ENUM's error value, or what a SET's text does not tell, in columns that keep members."""
    with pools.begin(SERVER) as server:
        run(server, f"CREATE DATABASE {schema}")
        run(
            server,
            f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, e ENUM('a', 'b'), v VARCHAR(20),"
            " s SET('', 'x'))"
            " CHARACTER SET latin1",
        )
        run(server, f"INSERT IGNORE INTO {schema}.t VALUES (1, 'zzz', 'x', 1), (2, 'b', 'y', 3)")
    sides = OneServer(pools, begin_alter(pools, schema, "t", change))
    alter = sides.prepared()
    with sides.control() as target, lenient_sql_mode(target, alter.table.definition):
        alter.read_chunk(target, alter.table.source, EVERYTHING)(target)
        alter.apply_images(target, b"3\t0\tz\t3\n")
        found = run(target, f"SELECT id, e + 0, s + 0 FROM {alter.table.target}").rows
    assert found == ((1, 0, 1), (2, 2, 3), (3, 0, 3))


@pytest.mark.parametrize(("before", "after"), [("utf8mb4", "latin1"), ("latin1", "utf8mb4")])
def test_what_a_generated_column_truncates_is_never_called_a_loss(
    pools: Pools, schema: str, before: str, after: str
) -> None:
    """The warning does not name a column; what is converted beside it is checked all the same."""
    with pools.begin(SERVER) as server:
        run(server, f"CREATE DATABASE {schema}")
        run(
            server,
            f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(20), w VARCHAR(20),"
            f" n INT AS (CAST(v AS SIGNED)) STORED) CHARACTER SET {before}",
        )
        run(server, "SET SESSION sql_mode = ''")
        run(server, f"INSERT INTO {schema}.t (id, v, w) VALUES (1, 'zzz', 'a'), (2, '7', 'b')")
        run(server, f"SET SESSION sql_mode = '{SQL_MODE}'")
    sides = OneServer(pools, begin_alter(pools, schema, "t", f"CONVERT TO CHARACTER SET {after}"))
    alter = sides.prepared()
    with sides.control() as target, lenient_sql_mode(target, alter.table.definition):
        alter.read_chunk(target, alter.table.source, EVERYTHING)(target)
        alter.apply_images(target, b"3\tyyy\tc\n")
        found = run(target, f"SELECT id, n, w FROM {alter.table.target}").rows
    assert found == ((1, 0, "a"), (2, 7, "b"), (3, 0, "c"))
    if after == "latin1":
        lossy = pytest.raises(FatalError, match="with key 4 can't be converted without loss")
        with lossy, sides.control() as target, lenient_sql_mode(target, alter.table.definition):
            alter.apply_images(target, "4\txxx\t\u2603\n".encode())
