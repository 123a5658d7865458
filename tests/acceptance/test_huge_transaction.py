"""One transaction of millions of rows is applied as one, in memory that does not grow with it.

A compressed transaction is one event of the binary log, so that much is held, compressed.
"""

from __future__ import annotations

import psutil
import pytest

from pipeline.commands import control
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from tests.conftest import Connect
from tests.support.moves import SOURCE, TARGET, begin_move, scalar, wait_for
from tests.support.stack import Stack

_MAY_GROW = 64 << 20


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("compressed", "count"), [(0, 2_000_000), (1, 200_000)], ids=["plain", "compressed"]
)
def test_a_transaction_of_two_million_rows_is_never_held_in_full(
    pools: Pools, connect: Connect, schema: str, stack: Stack, compressed: int, count: int
) -> None:
    with pools.begin(SOURCE) as source:
        run(source, "SET SESSION cte_max_recursion_depth = 10000000")
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(60), n INT)")
        run(
            source,
            f"INSERT INTO {schema}.t WITH RECURSIVE s AS (SELECT 1 AS i UNION ALL SELECT i + 1"
            f" FROM s WHERE i < {count}) SELECT i, SHA2(i, 224), 0 FROM s",
        )
    stack.start()
    migration_id = begin_move(pools, schema, ["t"], chunk_rows=20_000, postponed=True)
    wait_for(pools, migration_id, Stage.READY, logs=stack.logs, limit_s=300)
    streamer = psutil.Process(stack.processes["stream"].pid)
    before = streamer.memory_info().rss
    # Not on a connection of ours, whose time-outs are short.
    with connect(SOURCE) as link, link.cursor() as cursor:
        cursor.execute(f"SET SESSION binlog_transaction_compression = {compressed}")
        cursor.execute(f"UPDATE {schema}.t SET n = n + 1, v = REVERSE(v)")
        link.commit()
    control.cut_over(pools, TARGET, migration_id, "test")
    highest = before
    for _ in range(3000):
        highest = max(highest, streamer.memory_info().rss)
        try:
            wait_for(pools, migration_id, Stage.DONE, logs=stack.logs, limit_s=0.2)
            break
        except AssertionError as error:
            if "failed" in str(error).split("\n")[0]:
                raise
    wait_for(pools, migration_id, Stage.DONE, logs=stack.logs)
    print(f"streamer: {before >> 20} MiB before, {highest >> 20} MiB at most")
    assert highest - before < _MAY_GROW
    assert scalar(connect(TARGET), f"SELECT SUM(n) FROM {schema}.t") == count
    sums = [
        scalar(connect(server), f"SELECT BIT_XOR(CRC32(CONCAT(id, v, n))) FROM {name}")
        for server, name in ((SOURCE, f"{schema}._t_del"), (TARGET, f"{schema}.t"))
    ]
    assert sums[0] == sums[1]
