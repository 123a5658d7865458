"""Clean-up drops what its own migration has left behind, whatever has that name by then."""

from __future__ import annotations

import pytest

from pipeline.commands import control
from pipeline.commands.clean_up import clean_up
from pipeline.commands.drop import drop_table
from pipeline.control.claims import find_claim
from pipeline.control.migration_tables import note_source, read_tables
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError, RetryableError
from pipeline.mysql.catalogue import table_identity
from pipeline.mysql.flavours import identity
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.table import TableName
from pipeline.pausepoints import Point, at
from tests.support.coordinators import Coordinators
from tests.support.cut_overs import ReadyMove
from tests.support.moves import SOURCE, TARGET, begin_move
from tests.support.once import once


def test_a_later_table_of_the_retired_name_is_never_dropped(move: ReadyMove) -> None:
    move.ends_done()
    with move.pools.begin(SOURCE) as source:
        run(source, f"DROP TABLE {move.schema}._two_del")
        run(source, f"CREATE TABLE {move.schema}._two_del (id INT PRIMARY KEY)")
    with pytest.raises(RefusedError, match="_two_del on old is not the table"):
        clean_up(move.pools, TARGET, move.id, "test")
    assert move.source_tables == ["_one_del", "_two_del"]
    with move.pools.begin(SOURCE) as source:
        run(source, f"DROP TABLE {move.schema}._two_del")
    assert clean_up(move.pools, TARGET, move.id, "test") == [f"{move.schema}._one_del on old"]
    assert move.source_tables == []


def test_a_table_that_takes_the_retired_name_after_the_look_is_never_dropped(
    move: ReadyMove,
) -> None:
    move.ends_done()

    def take_its_place() -> None:
        with move.pools.begin(SOURCE) as source:
            run(source, f"DROP TABLE {move.schema}._one_del")
            run(source, f"CREATE TABLE {move.schema}._one_del (id INT PRIMARY KEY)")

    at_the_drop = at(Point.DDL_NOTED, once(take_its_place))
    with at_the_drop, pytest.raises(RefusedError, match="_one_del on old is not the table"):
        clean_up(move.pools, TARGET, move.id, "test")
    assert move.source_tables == ["_one_del", "_two_del"]


def test_a_clean_up_that_is_interrupted_goes_on_when_called_again(move: ReadyMove) -> None:
    move.ends_done()

    def interrupt(_: int) -> None:
        raise RetryableError("The connection was lost.")

    with pytest.raises(RetryableError):
        clean_up(move.pools, TARGET, move.id, "test", interrupt)
    assert len(move.source_tables) == 2
    dropped = [f"{move.schema}.{name} on old" for name in ("_one_del", "_two_del")]
    assert clean_up(move.pools, TARGET, move.id, "test") == dropped
    assert move.source_tables == []


def test_a_table_of_others_that_an_interrupted_clean_up_has_renamed_is_told(
    move: ReadyMove,
) -> None:
    move.ends_done()
    caught = f"{move.schema}._tranship_{move.id}_0_gone"
    with move.pools.begin(SOURCE) as source:
        run(source, f"DROP TABLE {move.schema}._one_del")
        run(source, f"CREATE TABLE {caught} (id INT PRIMARY KEY)")
    with pytest.raises(RefusedError, match="Give it its name again, on old: RENAME TABLE"):
        clean_up(move.pools, TARGET, move.id, "test")
    with move.pools.begin(SOURCE) as source:
        run(source, f"DROP TABLE {caught}")
    assert clean_up(move.pools, TARGET, move.id, "test") == [f"{move.schema}._two_del on old"]


def test_what_a_rehearsal_of_triggers_has_left_is_in_nobodys_way(move: ReadyMove) -> None:
    move.ends_done()
    with move.pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {move.schema}._tranship_{move.id}_0 (id INT)")
    assert len(clean_up(move.pools, TARGET, move.id, "test")) == 2


def test_a_later_table_of_the_targets_name_is_never_dropped(move: ReadyMove) -> None:
    control.abort(move.pools, TARGET, move.id, "test")
    move.ends_as_it_began(Stage.ABORTED)
    with move.pools.begin(TARGET) as target:
        run(target, f"DROP TABLE {move.schema}.one")
        run(target, f"CREATE TABLE {move.schema}.one (id INT PRIMARY KEY)")
    with pytest.raises(RefusedError, match="one on new is not the table"):
        clean_up(move.pools, TARGET, move.id, "test")
    assert move.rows(TARGET, "one") == []


@pytest.fixture
def abandoned(pools: Pools, schema: str) -> str:
    """A move that has created its table, has copied nothing, and is aborted."""
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
    migration_id = begin_move(pools, schema, ["t"], postponed=True)
    coordinators = Coordinators(pools, migration_id)
    coordinators.until_true(lambda: _created(pools, migration_id))
    control.abort(pools, TARGET, migration_id, "test")
    while coordinators.stage is not Stage.ABORTED:
        coordinators.once()
    return migration_id


def _created(pools: Pools, migration_id: str) -> bool:
    with pools.begin(TARGET) as target:
        return read_tables(target, migration_id)[0].target_identity is not None


def _there(pools: Pools, server: str, name: TableName) -> bool:
    with pools.begin(server) as link:
        return table_identity(link, name) is not None


@pytest.mark.parametrize("ended", [False, True], ids=["under-way", "ended"])
def test_a_table_that_a_later_move_has_taken_over_is_never_dropped(
    pools: Pools, schema: str, abandoned: str, ended: bool
) -> None:
    later = begin_move(pools, schema, ["t"], postponed=True)
    if ended:
        control.abort(pools, TARGET, later, "test")
        coordinators = Coordinators(pools, later)
        while coordinators.stage is not Stage.ABORTED:
            coordinators.once()
    with pytest.raises(RefusedError, match=f"belongs to migration {later}"):
        clean_up(pools, TARGET, abandoned, "test")
    assert _there(pools, TARGET, TableName(schema, "t"))


def test_an_old_table_that_a_later_move_retires_again_is_never_dropped(move: ReadyMove) -> None:
    move.ends_done()
    retired = TableName(move.schema, "_one_del")
    with move.pools.begin(TARGET) as target:
        noted = read_tables(target, move.id)[0].source_identity
    with move.pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {move.schema}.again (id INT PRIMARY KEY)")
    later = begin_move(move.pools, move.schema, ["again"], postponed=True)
    with move.pools.begin(TARGET) as target:
        note_source(target, read_tables(target, later)[0], noted)
    with pytest.raises(RefusedError, match=f"belongs to migration {later}"):
        clean_up(move.pools, TARGET, move.id, "test")
    assert _there(move.pools, SOURCE, retired)


def test_no_move_takes_over_a_table_that_is_being_dropped(
    pools: Pools, schema: str, abandoned: str
) -> None:
    held: list[str | None] = []

    def look(_: int) -> None:
        with pools.begin(TARGET) as target:
            found = find_claim(target, identity(target), TableName(schema, "t"))
            held.append(None if found is None else found.migration_id)

    clean_up(pools, TARGET, abandoned, "test", look)
    look(0)
    assert held == [abandoned, None]


def test_each_batch_of_deleted_rows_is_a_transaction(pools: Pools, schema: str) -> None:
    """All rows in one would keep a large undo log, and replicas waiting."""
    table, seen = TableName(schema, "t"), []

    def look(_: int) -> None:
        with pools.begin(SOURCE) as another:
            seen.append(run(another, f"SELECT COUNT(*) FROM {schema}.t").rows[0][0])

    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
        run(source, f"INSERT INTO {schema}.t VALUES (1)")
    with pools.engine(SOURCE).connect() as connection:
        drop_table(connection, table, look)
    assert seen == [0]
