"""What runs each second reads a few rows of the control schema, however many chunks there are.

A statement that reads all chunks of a table is cheap in every other test, and takes seconds, each
second, where the table is large. The server's own count of the rows that it examined shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from ops.metrics.collector import MigrationCollector
from pipeline.domain.stages import Stage
from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.pools import Pools, run
from pipeline.status.progress import read_progress
from tests.support.direct import DirectMove
from tests.support.growth import grow
from tests.support.moves import SOURCE, TARGET, read
from tests.support.verification import drained, on_source

_AT_MOST = 200  # rows that one statement may examine; some are proportional to a window
_DIGESTS = "performance_schema.events_statements_summary_by_digest"


@dataclass
class Ledger:
    """What the server did for one path."""

    statements: int = 0
    greedy: tuple[str, ...] = ()


@contextmanager
def examined(pools: Pools) -> Iterator[Ledger]:
    """Collect the statements on the control schema that examined too many rows."""
    found = Ledger()
    with pools.begin(TARGET) as control:
        run(control, f"TRUNCATE {_DIGESTS}")
    yield found
    with pools.begin(TARGET) as control:
        rows = run(
            control,
            f"SELECT digest_text, count_star, sum_rows_examined FROM {_DIGESTS}"
            " WHERE digest_text LIKE '%`tranship`%' AND digest_text NOT LIKE '%`digest_text`%'",
        ).rows
    found.statements = len(rows)
    found.greedy = tuple(
        f"{rows_examined / count:.0f} rows: {text}"
        for text, count, rows_examined in rows
        if rows_examined > _AT_MOST * count
    )


@pytest.fixture
def move(pools: Pools, schema: str) -> Iterator[DirectMove]:
    """A move of 3,000 rows with two chunks in flight, which nobody has copied yet."""
    with pools.begin(TARGET) as control:
        if is_mariadb(control):
            pytest.skip("its performance schema is off")
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
        ids = ", ".join(f"({number})" for number in range(1, 3001))
        run(source, f"INSERT INTO {schema}.t VALUES {ids}")
    row_copy = pools.settings.row_copy.model_copy(update={"window": 2})
    checksum = pools.settings.checksum.model_copy(update={"window": 2, "converged_keys": 50})
    changed = {"row_copy": row_copy, "checksum": checksum}
    few = Pools(pools.settings.model_copy(update=changed))
    yield DirectMove.of(few, schema, "t", chunk_rows=100)
    few.close()


CHUNKS = [5_000, pytest.param(1_000_000, marks=pytest.mark.long)]


def looked_at(move: DirectMove) -> None:
    """What people and Prometheus ask for."""
    read_progress(move.pools, TARGET, move.migration_id)
    assert list(MigrationCollector(move.pools).collect())


@pytest.mark.parametrize("chunks", CHUNKS)
def test_copying_reads_what_is_in_flight_and_not_what_is_done(
    move: DirectMove, chunks: int
) -> None:
    grow(move, chunks, verified=False)
    with examined(move.pools) as found:
        for number in move.sent.chunks:
            move.copy(chunks + number)
        move.advance()
        looked_at(move)
    assert found.greedy == ()
    assert found.statements > 20
    progress = read_progress(move.pools, TARGET, move.migration_id).tables[0]
    assert progress.chunks_done == chunks + 2
    assert progress.rows_copied == 10 * chunks + 200


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("verified", [False, True])
def test_converging_reads_what_is_in_flight_and_not_the_whole_ledger(
    move: DirectMove, verified: bool, chunks: int
) -> None:
    move.copy_all()
    grow(move, chunks, verified=verified)
    on_source(move, "DELETE FROM {t} WHERE id < 20")
    drained(move)
    with examined(move.pools) as found:
        with move.applier() as feed:
            feed.delete(*(((b"%d" % number),) for number in range(1, 20)))
            drained(move)
            move.sent.chunk_checks = []
            move.advance()
            for number in move.sent.chunk_checks:
                move.verify(number)
            move.verify_keys()
            move.advance()
        looked_at(move)
    assert found.greedy == ()
    assert found.statements > 30
    stage = read(move.pools, move.migration_id).stage
    assert stage in ({Stage.CONVERGING, Stage.READY} if verified else {Stage.CONVERGING})
