"""Which transactions a reader may see already."""

from __future__ import annotations

from uuid import uuid4

import pytest

from pipeline.mysql.flavours import begun_gtids, executed_gtids, is_mariadb
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import Pools, run
from tests.conftest import Connect
from tests.support.moves import SOURCE


def test_a_transaction_that_is_being_committed_is_not_overlooked(
    pools: Pools, connect: Connect, schema: str
) -> None:
    with pools.begin(SOURCE) as source:
        if is_mariadb(source):
            pytest.skip("MariaDB counts a transaction before anybody sees it")
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
    committing, gtid = connect(SOURCE), f"{uuid4()}:7"
    with committing.cursor() as cursor:
        cursor.execute(f"SET gtid_next = '{gtid}'")
        cursor.execute("BEGIN")
        cursor.execute(f"INSERT INTO {schema}.t VALUES (1)")
        with pools.begin(SOURCE) as source:
            begun, executed = begun_gtids(source), executed_gtids(source)
        cursor.execute("ROLLBACK")
        cursor.execute("SET gtid_next = 'AUTOMATIC'")
    assert begun.contains(GtidSet.parse(gtid))
    assert not executed.contains(GtidSet.parse(gtid))
    assert begun.contains(executed)
