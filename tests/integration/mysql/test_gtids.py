"""Which transactions a reader may see already."""

from __future__ import annotations

from uuid import uuid4

import pytest

from pipeline.configuration.load import server_password
from pipeline.mysql.flavours import (
    Received,
    begun_gtids,
    executed_gtids,
    is_mariadb,
    received_gtids,
)
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import Pools, run
from tests.conftest import Connect
from tests.support.moves import SOURCE, TARGET, wait_until


def test_transactions_that_are_being_committed_are_not_overlooked(
    pools: Pools, connect: Connect, schema: str
) -> None:
    """Of two UUIDs at once: of the server's own, and of one that it replicates from."""
    with pools.begin(SOURCE) as source:
        if is_mariadb(source):
            pytest.skip("MariaDB counts a transaction before anybody sees it")
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
    gtids = [f"{first}{str(uuid4())[1:]}:7" for first in "09af"]  # a digit may follow a digit
    committing = [connect(SOURCE) for _ in gtids]
    for connection, gtid in zip(committing, gtids, strict=True):
        connection.query(f"SET gtid_next = '{gtid}'")
        connection.query("BEGIN")
        connection.query(f"INSERT INTO {schema}.t VALUES ({connection.thread_id()})")
    with pools.begin(SOURCE) as source:
        begun, executed = begun_gtids(source), executed_gtids(source)
    for connection in committing:
        connection.query("ROLLBACK")
        connection.query("SET gtid_next = 'AUTOMATIC'")
    for gtid in gtids:
        assert begun.contains(GtidSet.parse(gtid))
        assert not executed.contains(GtidSet.parse(gtid))
    assert begun.contains(executed)


def test_what_a_replica_has_received_is_coming_as_long_as_its_applier_runs(
    pools: Pools, connect: Connect
) -> None:
    """It may have been promoted, and still lag; of one that is stopped nothing would ever come."""
    with pools.begin(SOURCE) as source:
        if is_mariadb(source):
            pytest.skip("the statements are others")
        assert received_gtids(source) == Received()
    with pools.begin(TARGET) as target:
        executed = executed_gtids(target)
    primary, replica = pools.settings.servers[TARGET], connect(SOURCE)
    replica.query(
        f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{primary.host}',"
        f" SOURCE_PORT = {primary.port}, SOURCE_USER = '{primary.user}',"
        f" SOURCE_PASSWORD = '{server_password(primary)}', SOURCE_AUTO_POSITION = 1,"
        " GET_SOURCE_PUBLIC_KEY = 1, SOURCE_DELAY = 1000000000"  # it applies nothing here
    )
    try:

        def received() -> Received:
            with pools.begin(SOURCE) as source:
                return received_gtids(source)

        replica.query("START REPLICA IO_THREAD")
        wait_until(lambda: received().stopped.contains(executed), "its source's log", limit_s=10)
        assert received().coming == GtidSet()
        replica.query("START REPLICA SQL_THREAD")
        assert received().coming.contains(executed)
        assert received().stopped == GtidSet()
    finally:
        replica.query("STOP REPLICA")
        replica.query("RESET REPLICA ALL")
