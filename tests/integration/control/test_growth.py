"""What runs each second reads a few rows of the control schema, however many chunks there are.

A statement that reads all chunks of a table is cheap in every other test, and takes seconds, each
second, where the table is large. The server's own count of the rows that it reads shows it: it is
the same with thousands of finished chunks as without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ops.metrics.collector import MigrationCollector
from pipeline.control.leases import revoke_lease
from pipeline.control.migrations import postpone_migration
from pipeline.domain.processes import Processes
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage
from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.pools import Pools, run
from pipeline.status.progress import read_progress
from tests.support.direct import DirectMove
from tests.support.growth import grow
from tests.support.moves import SOURCE, TARGET, read
from tests.support.verification import drained, on_source

_READS = "SHOW GLOBAL STATUS LIKE 'Handler\\_read\\_%'"


def rows_read(pools: Pools, path: Callable[[], None]) -> int:
    """How many rows, or entries of an index, the target's storage engine reads for `path`.

    Workers of other tests read as well meanwhile, some thousands: fewer than all chunks are.
    """
    before = _rows_read(pools)
    path()
    return _rows_read(pools) - before


def _rows_read(pools: Pools) -> int:
    with pools.begin(TARGET) as control:
        return sum(int(value) for _, value in run(control, _READS).rows)


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
    checksum = pools.settings.checksum.model_copy(update={"window": 2, "converged_s": 0.005})
    changed = {"row_copy": row_copy, "checksum": checksum}
    few = Pools(pools.settings.model_copy(update=changed))
    yield DirectMove.of(few, schema, "t", chunk_rows=100)
    few.close()


CHUNKS = [20_000, pytest.param(1_000_000, marks=pytest.mark.long)]


def looked_at(move: DirectMove) -> None:
    """What people and Prometheus ask for."""
    read_progress(move.pools, TARGET, move.migration_id)
    assert list(MigrationCollector(move.pools, Processes).collect())


def copied(move: DirectMove, before: int) -> None:
    """Copy the chunks in flight, which have `before` more in front of them than when sent."""
    sent, move.sent.chunks = move.sent.chunks, []
    assert len(sent) == 2
    for number in sent:
        move.copy(before + number)
    move.advance()
    looked_at(move)


@pytest.mark.parametrize("chunks", CHUNKS)
def test_copying_reads_what_is_in_flight_and_not_what_is_done(
    move: DirectMove, chunks: int
) -> None:
    few = rows_read(move.pools, lambda: copied(move, 0))
    grow(move, chunks, verified=False)
    many = rows_read(move.pools, lambda: copied(move, chunks))
    assert many < few + chunks
    progress = read_progress(move.pools, TARGET, move.migration_id).tables[0]
    assert progress.chunks_done == chunks + 4
    assert progress.rows_copied > 10 * chunks


def converged(move: DirectMove) -> None:
    """Verify a few chunks and a few keys."""
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
    with move.pools.begin(TARGET) as control:
        revoke_lease(control, move.migration_id, Role.STREAM)


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("verified", [False, True])
def test_converging_reads_what_is_in_flight_and_not_the_whole_ledger(
    move: DirectMove, verified: bool, chunks: int
) -> None:
    move.copy_all()
    with move.pools.begin(TARGET) as control:
        postpone_migration(control, move.migration_id)  # READY is the end
    on_source(move, "DELETE FROM {t} WHERE id < 20")
    drained(move)
    few = rows_read(move.pools, lambda: converged(move))
    grow(move, chunks, verified=verified)
    many = rows_read(move.pools, lambda: converged(move))
    assert many < few + chunks
    assert read(move.pools, move.migration_id).stage in {Stage.CONVERGING, Stage.READY}
