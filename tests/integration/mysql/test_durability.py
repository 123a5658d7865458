"""What is read of a server's run: when it was started, and whether it may lose what it commits."""

from __future__ import annotations

import time

from pipeline.mysql.durability import server_run
from pipeline.mysql.flavours import identity
from pipeline.mysql.pools import Pools, run
from tests.support.moves import SOURCE
from tests.support.preflight import setting


def test_a_run_is_the_same_until_the_server_starts_again(pools: Pools) -> None:
    with (
        setting(pools, SOURCE, "sync_binlog", "1"),
        setting(pools, SOURCE, "innodb_flush_log_at_trx_commit", "1"),
        pools.begin(SOURCE) as source,
    ):
        durable = server_run(source)
        assert durable.server == identity(source)
        run(source, "SET GLOBAL sync_binlog = 0")
        lax = server_run(source)
        run(source, "SET GLOBAL sync_binlog = 1, GLOBAL innodb_flush_log_at_trx_commit = 2")
        assert server_run(source) == lax
        time.sleep(1)
        assert server_run(source).start == durable.start
        uptime_s = int(run(source, "SHOW GLOBAL STATUS LIKE 'Uptime'").rows[0][1])
    assert (durable.lax, lax.lax) == (False, True)
    assert abs(time.time() - uptime_s - durable.started) < 2
