"""The copy's first messages do not wait until the whole window is planned."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pipeline.coordinate.advance import advance
from pipeline.domain.migration import MigrationTable
from pipeline.mysql.pools import Pools, run
from tests.support.direct import DirectMove, Recorded
from tests.support.moves import SOURCE, TARGET, begin_move


@dataclass
class Counting(Recorded):
    """Notes for each message how many chunks there were when it was sent."""

    pools: Pools | None = None
    known: list[int] = field(default_factory=list)

    def copy_chunk(self, target: str, table: MigrationTable, number: int) -> None:
        super().copy_chunk(target, table, number)
        assert self.pools is not None
        with self.pools.begin(target) as control:
            query = f"SELECT COUNT(*) FROM tranship.chunks WHERE table_id = {table.id}"
            self.known.append(int(run(control, query).rows[0][0]))


@pytest.fixture
def move(pools: Pools, schema: str) -> DirectMove:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
        numbers = ", ".join(f"({number})" for number in range(1000))
        run(source, f"INSERT INTO {schema}.t VALUES {numbers}")
    return DirectMove(pools, begin_move(pools, schema, ["t"], chunk_rows=100))


def test_workers_begin_while_further_chunks_are_looked_for(move: DirectMove) -> None:
    sent = Counting(pools=move.pools)
    advance(move.pools, TARGET, move.migration_id, sent, "test")
    assert sent.chunks == list(range(10))
    assert sent.known[0] < 10 == sent.known[-1]
    assert move.table.planned
