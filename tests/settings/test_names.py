"""A server that ignores case logs a table under another name than the one that was given."""

from __future__ import annotations

import threading

from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.table import TableName
from pipeline.stream.streamer import Streamer
from tests.support.alters import SERVER, begin_alter
from tests.support.direct import DirectMove
from tests.support.moves import read, wait_until


def test_changes_of_a_table_named_with_a_capital_letter_are_not_lost(
    pools: Pools, schema: str
) -> None:
    with pools.begin(SERVER) as server:
        run(server, f"CREATE TABLE {schema}.Orders (id INT PRIMARY KEY)")
    alter = DirectMove(pools, begin_alter(pools, schema.upper(), "Orders", "ADD c INT"))
    alter.advance()
    assert read(pools, alter.migration_id).stage is Stage.COPYING
    streamer = Streamer(pools, SERVER, alter.migration_id, "test")
    streaming = threading.Thread(target=streamer.run)
    streaming.start()
    try:
        with pools.begin(SERVER) as server:
            run(server, f"INSERT INTO {schema}.orders VALUES (7)")
        wait_until(lambda: shadow_rows(pools, alter) == ((7, None),), "the row", limit_s=5)
    finally:
        streamer.stopping.set()
        streaming.join()
    assert alter.table.source == TableName(schema, "orders")


def shadow_rows(pools: Pools, alter: DirectMove) -> tuple[tuple[object, ...], ...]:
    with pools.begin(SERVER) as server:
        return run(server, f"SELECT * FROM {alter.table.target}").rows
