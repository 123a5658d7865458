"""A server that may lose what it has committed is another one once it has restarted."""

from __future__ import annotations

import time

from pipeline.mysql.durability import log_identity
from pipeline.mysql.flavours import identity
from pipeline.mysql.pools import Pools, run
from tests.support.moves import SOURCE
from tests.support.preflight import setting


def test_only_a_durable_server_is_the_same_after_a_restart(pools: Pools) -> None:
    with (
        setting(pools, SOURCE, "sync_binlog", "1"),
        setting(pools, SOURCE, "innodb_flush_log_at_trx_commit", "1"),
        pools.begin(SOURCE) as source,
    ):
        assert log_identity(source) == identity(source)
        run(source, "SET GLOBAL sync_binlog = 0")
        lax = log_identity(source)
        run(source, "SET GLOBAL sync_binlog = 1, GLOBAL innodb_flush_log_at_trx_commit = 2")
        assert log_identity(source) == lax  # which says when it was started
        time.sleep(1)
        assert log_identity(source) == lax
        uptime_s = int(run(source, "SHOW GLOBAL STATUS LIKE 'Uptime'").rows[0][1])
    started = int(lax.rpartition(" ")[2])
    assert abs(time.time() - uptime_s - started) < 2
