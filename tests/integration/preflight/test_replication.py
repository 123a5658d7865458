"""Servers that replicate with each other: the rename would arrive on the other side too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.configuration.load import server_password
from pipeline.mysql.flavours import replica_sources
from pipeline.mysql.pools import Pools, run
from pipeline.preflight.findings import Scope, Severity
from pipeline.preflight.registry import run_preflight
from tests.support.moves import SOURCE, TARGET, move_request, wait_until


@pytest.fixture(params=[(TARGET, SOURCE), (SOURCE, TARGET)], ids=["forth", "back"])
def replica(pools: Pools, request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """(replica, its source): it receives the log, and applies none of it."""
    follower, followed = request.param
    server = pools.settings.servers[followed]
    for statement in (
        f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{server.host}', SOURCE_PORT = {server.port},"
        f" SOURCE_USER = '{server.user}', SOURCE_PASSWORD = '{server_password(server)}',"
        " SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1",
        "START REPLICA IO_THREAD",
    ):
        with pools.begin(follower) as connection:
            run(connection, statement)

    def connected() -> bool:
        with pools.begin(follower) as connection:
            return any(replica_sources(connection))

    wait_until(connected, "the replica does not connect")
    yield follower, followed
    for statement in ("STOP REPLICA", "RESET REPLICA ALL"):
        with pools.begin(follower) as connection:
            run(connection, statement)


def test_two_servers_that_replicate_are_refused_by_name(
    pools: Pools, schema: str, replica: tuple[str, str]
) -> None:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
    request = move_request(schema, "t")
    findings = run_preflight(pools, request, Scope.START)
    refused = [found for found in findings if found.severity is Severity.REFUSED]
    assert [found.check for found in refused] == ["replication"]
    assert f"{replica[0]} is a replica of {replica[1]}" in refused[0].explanation
    warned = {found.check for found in findings if found.severity is Severity.WARNING}
    assert ("replication" in warned) is (replica[0] == SOURCE)  # "make sure that it is the primary"
