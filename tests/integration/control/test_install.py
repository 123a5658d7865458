"""A control schema that another version made is refused by name, and nothing is written to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pipeline.commands.start import start
from pipeline.control.install import install, is_installed
from pipeline.control.migrations import create_migration
from pipeline.control.schema import VERSION
from pipeline.coordinate.tick import tick
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools, run
from pipeline.status.listing import find_target, list_migrations
from tests.support.alters import alter_request, skip_on_mariadb
from tests.support.moves import SOURCE, TARGET, begin_move, move_request

SERVER = SOURCE  # no other test's control schema is there


@pytest.fixture(autouse=True)
def _no_control_schema(pools: Pools) -> Iterator[None]:
    do(pools, "DROP DATABASE IF EXISTS tranship")
    yield
    do(pools, "DROP DATABASE IF EXISTS tranship")


def do(pools: Pools, *statements: str) -> None:
    for statement in statements:
        with pools.begin(SERVER) as server:
            run(server, statement)


@pytest.fixture
def earlier(pools: Pools) -> None:
    """As a version without `schema_version` left it."""
    do(
        pools,
        "CREATE DATABASE tranship",
        "CREATE TABLE tranship.migrations (id VARCHAR(32) PRIMARY KEY, stage VARCHAR(32))",
        "INSERT INTO tranship.migrations VALUES ('abcd1234', 'copying')",
    )


def installed(pools: Pools) -> bool:
    with pools.begin(SERVER) as server:
        return is_installed(server, SERVER)


def install_here(pools: Pools) -> None:
    with pools.begin(SERVER) as server:
        install(server, SERVER)


def test_where_there_is_none_it_is_created_once(pools: Pools) -> None:
    assert not installed(pools)
    install_here(pools)
    assert installed(pools)
    install_here(pools)
    assert installed(pools)


def test_a_creation_that_was_cut_short_goes_on(pools: Pools) -> None:
    install_here(pools)
    do(pools, "DROP TABLE tranship.streams", "DELETE FROM tranship.schema_version")
    assert not installed(pools)
    install_here(pools)
    assert installed(pools)
    do(pools, "SELECT * FROM tranship.streams")


@pytest.mark.usefixtures("earlier")
def test_an_earlier_one_is_refused_with_its_remedy(pools: Pools) -> None:
    with pytest.raises(RefusedError) as refused:
        installed(pools)
    assert refused.value.explanation == (
        f"The control schema tranship on {SERVER} is of an earlier version; this Tranship needs"
        f" version {VERSION}."
    )
    assert "Finish or abort its migrations with the Tranship that made it" in refused.value.remedy
    assert f"on {SERVER}: DROP DATABASE tranship;" in refused.value.remedy


def test_a_later_one_is_refused_too(pools: Pools) -> None:
    install_here(pools)
    do(pools, f"UPDATE tranship.schema_version SET version = {VERSION + 1}")
    with pytest.raises(RefusedError, match=f"is of version {VERSION + 1}; .* needs version"):
        install_here(pools)


@pytest.mark.usefixtures("earlier")
def test_no_migration_is_started_beside_an_earlier_one(pools: Pools, schema: str) -> None:
    skip_on_mariadb(pools)
    do(pools, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
    request = replace(alter_request(schema, "t", "ADD COLUMN c INT"), server=SERVER)
    with pytest.raises(RefusedError, match="is of an earlier version"):
        start(pools, request, "test")


@pytest.mark.usefixtures("earlier")
def test_who_asks_for_a_migration_is_told_of_an_earlier_one(pools: Pools) -> None:
    assert "is of an earlier version" in list_migrations(pools)[1][SERVER]
    with pytest.raises(RefusedError, match="is of an earlier version"):
        find_target(pools, "abcd1234")


@pytest.mark.usefixtures("earlier")
def test_a_tick_leaves_an_earlier_one_as_it_is_and_goes_on_with_the_other_servers(
    pools: Pools, schema: str, caplog: pytest.LogCaptureFixture
) -> None:
    do(pools, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
    migration_id = begin_move(pools, schema, ["t"])
    told: list[tuple[str, str]] = []
    tick(pools, lambda *what: told.append(what))
    assert told == [(TARGET, migration_id)]
    assert f"tranship on {SERVER} is of an earlier version" in caplog.text
    with pools.begin(SERVER) as server:
        assert run(server, "SHOW TABLES FROM tranship").rows == (("migrations",),)


def test_the_copy_that_a_replica_of_a_target_has_is_left_alone(pools: Pools, schema: str) -> None:
    install_here(pools)
    with pools.begin(SERVER) as replica:
        copied = create_migration(replica, move_request(schema), [], "test", "")
    told: list[tuple[str, str]] = []
    tick(pools, lambda *what: told.append(what))
    assert told == []
    assert copied not in {one.id for one in list_migrations(pools)[0]}
