"""One table is under one migration: on either side, from wherever, under whatever name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pipeline.commands.start import make_plan, recording, start
from pipeline.control.install import install
from pipeline.control.migrations import find_migration
from pipeline.domain.request import AlterRequest, MoveRequest
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError, RetryableError
from pipeline.mysql.flavours import identity
from pipeline.mysql.pools import Pools, run
from pipeline.preflight.findings import Scope
from pipeline.preflight.registry import run_preflight
from tests.support.coordinators import Coordinators
from tests.support.moves import SOURCE, TARGET, begin_move, move_request, story

HOLDER = "SELECT IS_USED_LOCK('tranship start')"


@pytest.fixture
def asked(pools: Pools, schema: str) -> MoveRequest:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(9))")
        run(source, f"INSERT INTO {schema}.t VALUES (1, 'a')")
    return move_request(schema, "t", postpone_cut_over=True)


@pytest.fixture
def renamed(pools: Pools) -> Iterator[Pools]:
    """The same servers, and other names for them."""
    known = pools.settings.servers
    servers = {**known, "also-old": known[SOURCE], "also-new": known[TARGET]}
    pools = Pools(pools.settings.model_copy(update={"servers": servers}))
    yield pools
    pools.close()


def test_a_table_that_is_moved_is_not_altered_by_way_of_another_control_schema(
    pools: Pools, asked: MoveRequest
) -> None:
    migration_id = start(pools, asked, "test")
    change = AlterRequest(server=SOURCE, table=asked.tables[0], change="ADD COLUMN c INT")
    with pytest.raises(RefusedError, match=f"on old belongs to migration {migration_id}"):
        start(pools, change, "test")


@pytest.mark.parametrize("source", ["also-old", SOURCE])
@pytest.mark.parametrize("target", ["also-new", TARGET])
def test_a_second_name_of_a_server_opens_no_way_to_its_tables(
    renamed: Pools, asked: MoveRequest, source: str, target: str
) -> None:
    migration_id = start(renamed, asked, "test")
    elsewhere = replace(asked, source=source, target=target, target_schema=f"{target}_x")
    with pytest.raises(RefusedError, match=f"belongs to migration {migration_id}"):
        start(renamed, elsewhere, "test")


def test_two_sources_never_fill_one_table(pools: Pools, asked: MoveRequest) -> None:
    """A target table is claimed, too."""
    migration_id = start(pools, asked, "test")
    change = AlterRequest(server=TARGET, table=asked.tables[0], change="ADD COLUMN c INT")
    findings = run_preflight(pools, change, Scope.START)
    assert f"on new belongs to migration {migration_id}" in str(findings)


def copied(pools: Pools, migration_id: str, kept_on: str) -> None:
    """Make the claims what a replica of that server would have."""
    with pools.begin(TARGET) as control:
        run(
            control,
            f"UPDATE tranship.claims SET kept_on = '{kept_on}'"
            f" WHERE migration_id = '{migration_id}'",
        )


def test_a_claim_that_another_server_has_ended_is_no_obstacle_where_it_was_copied_to(
    pools: Pools, asked: MoveRequest
) -> None:
    """The target is a replica that has become a server of its own, with claims that stay."""
    migration_id = start(pools, asked, "test")
    with pools.begin(SOURCE) as other:
        copied(pools, migration_id, identity(other))
    again = start(pools, asked, "test")
    with pytest.raises(RefusedError, match=f"belongs to migration {again}"):
        start(pools, asked, "test")


def test_a_claim_copied_from_a_server_that_can_not_be_asked_says_how_to_forget_it(
    pools: Pools, asked: MoveRequest
) -> None:
    migration_id = start(pools, asked, "test")
    copied(pools, migration_id, "another-server")
    forget = (
        f"DELETE FROM tranship.claims WHERE migration_id = '{migration_id}'"
        " AND kept_on = 'another-server';"
    )
    with pytest.raises(RefusedError) as refused:
        start(pools, asked, "test")
    assert f"run on {TARGET}: {forget}" in refused.value.explanation
    with pools.begin(TARGET) as control:
        run(control, forget)
    start(pools, asked, "test")


def test_a_server_that_can_not_say_what_it_claims_is_named(
    pools: Pools, asked: MoveRequest
) -> None:
    gone = pools.settings.servers[SOURCE].model_copy(update={"port": 1})
    servers = {**pools.settings.servers, "gone": gone}
    more = Pools(pools.settings.model_copy(update={"servers": servers}))
    found = [one for one in run_preflight(more, asked, Scope.START) if one.check == "claims"]
    more.close()
    assert [str(one.severity) for one in found] == ["warning"]
    assert "gone can't say" in found[0].explanation


@pytest.mark.parametrize("rows", [[], ["(7, 'b')"]], ids=["empty", "filled"])
def test_a_table_that_has_come_to_be_at_the_target_is_not_taken(
    pools: Pools, asked: MoveRequest, schema: str, rows: list[str]
) -> None:
    migration_id = begin_move(pools, schema, ["t"], postponed=True)
    with pools.begin(TARGET) as target:
        run(target, f"CREATE DATABASE {schema}")
        run(target, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(9))")
        for row in rows:
            run(target, f"INSERT INTO {schema}.t VALUES {row}")
    coordinators = Coordinators(pools, migration_id)
    while coordinators.once() is not Stage.FAILED:
        assert coordinators.stage is not Stage.COPYING
    assert "t was created by somebody else after the start" in story(pools, migration_id)


def test_a_target_table_that_is_filled_after_the_start_is_not_taken(
    pools: Pools, asked: MoveRequest, schema: str
) -> None:
    with pools.begin(TARGET) as target:
        run(target, f"CREATE DATABASE {schema}")
        run(target, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(9))")
    migration_id = begin_move(pools, schema, ["t"], postponed=True)
    with pools.begin(TARGET) as target:
        run(target, f"INSERT INTO {schema}.t VALUES (7, 'b')")
    coordinators = Coordinators(pools, migration_id)
    while coordinators.once() is not Stage.FAILED:
        assert coordinators.stage is not Stage.COPYING
    assert "holds rows now" in story(pools, migration_id)


def test_a_start_whose_lock_is_lost_is_not_recorded(pools: Pools, asked: MoveRequest) -> None:
    """Whoever is told that nothing has been written tries again, and is refused by what has."""
    with pools.begin(TARGET) as control:
        install(control, TARGET)
    plan = make_plan(pools, asked)
    with (
        pytest.raises(RetryableError, match="Server old: Lost connection"),
        recording(pools, plan, "test") as (_, migration_id),
        pools.begin(SOURCE) as source,
    ):
        run(source, f"KILL {run(source, HOLDER).rows[0][0]}")
    with pools.begin(TARGET) as control:
        assert find_migration(control, migration_id) is None
