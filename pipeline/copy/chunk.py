"""The life of a chunk: claim, read, write, sweep tombstones, done.

I3: the transaction that writes the rows ends with marking the chunk done under the claim's
attempt number, or rolls back. I4: the sweep. A row deleted on the source after our read,
whose delete was applied before our write, would come back as a phantom; the applier leaves
its key as a tombstone, and the chunk deletes every row of its range that has one. The
tombstones are read with a locking read, which waits for those not yet committed; one that
comes later belongs to a delete that waits for our rows' locks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection
from structlog.contextvars import bound_contextvars

from pipeline.alter.rows import copy_range
from pipeline.control.chunk_map import key_range, tombstones_table
from pipeline.control.chunks import Claim, claim_chunk, finish_chunk, give_back_chunk
from pipeline.domain.migration import Moved
from pipeline.errors import FencedError
from pipeline.mysql.failures import driver_errors
from pipeline.mysql.keyrange import KeyRange, same_key
from pipeline.mysql.pools import Pools, connection_id, leniency, run
from pipeline.mysql.quoting import quote_name
from pipeline.pausepoints import Point, reached
from pipeline.rows.read_lines import read_lines
from pipeline.rows.write_lines import write_lines

log = logging.getLogger(__name__)
Write = Callable[[Connection], tuple[int, int]]


@dataclass(frozen=True)
class Copied:
    """What a chunk brought over."""

    rows: int
    bytes: int
    seconds: float


def copy_chunk(
    pools: Pools, source: str, target: str, moved: Moved, no: int, worker: str
) -> Copied | None:
    """Copy chunk `no`; None if somebody else has it, or it is done already.

    Raises:
        FencedError: a later attempt took over meanwhile; nothing of ours stays.
        RetryableError, FatalError: nothing of ours stays; the chunk is pending again.
    """
    with pools.engine(target).connect() as session:
        with pools.begin(target) as control:
            claim = claim_chunk(control, moved, no, worker, connection_id(session))
        if claim is None:
            return None
        session.rollback()
        reached(Point.COPY_CLAIMED)
        try:
            with bound_contextvars(epoch=claim.attempt):
                copied = _copy(pools, source, target, session, claim)
                log.info("copied %d rows in %.2f s", copied.rows, copied.seconds)
                return copied
        except FencedError:
            raise
        except Exception as error:
            _give_back(pools, target, claim, str(error))
            raise


def _copy(pools: Pools, source: str, target: str, session: Connection, claim: Claim) -> Copied:
    moved = claim.moved
    started = time.monotonic()
    with pools.begin(target) as control:
        keys = key_range(control, moved, claim.no)
    write = _read(pools, source, moved, keys)
    reached(Point.COPY_READ)
    with driver_errors(target), session.begin(), leniency(session, moved.table):
        rows, size = write(session)
        reached(Point.COPY_WRITTEN)
        sweep_tombstones(session, moved, keys)
        seconds = time.monotonic() - started
        finish_chunk(session, claim, rows, size, seconds)
        reached(Point.COPY_BEFORE_COMMIT)
    return Copied(rows, size, seconds)


def _read(pools: Pools, source: str, moved: Moved, keys: KeyRange) -> Write:
    """Read the rows of a move; what writes them then, and says how many rows and bytes.

    An alter has nothing to read: its statement reads and writes on the same server.
    """
    if moved.rebuild is not None:
        return partial(copy_range, moved=moved, keys=keys)
    with pools.begin(source) as reader:
        lines = read_lines(reader, moved.table, moved.source, keys)

    def write(session: Connection) -> tuple[int, int]:
        write_lines(session, moved.table, moved.target, lines.data, replace=False)
        return lines.rows, len(lines.data)

    return write


def sweep_tombstones(target: Connection, moved: Moved, keys: KeyRange) -> None:
    """Delete every row of the range that was deleted on the source meanwhile."""
    key, tombstones = moved.table.key, tombstones_table(moved)
    found = run(
        target,
        f"SELECT 1 FROM {tombstones} WHERE {keys.condition(key)} LOCK IN SHARE MODE",
    ).rows
    if not found:
        return
    # READ COMMITTED: this statement's snapshot is taken after the wait above.
    table = quote_name(moved.target)
    run(
        target,
        f"DELETE FROM {table} USING {table} JOIN {tombstones} AS dead"
        f" ON {same_key(moved.landed, table, 'dead', moved.table)}"
        f" WHERE {keys.condition(key, 'dead')}",
    )


def _give_back(pools: Pools, target: str, claim: Claim, error: str) -> None:
    try:
        with pools.begin(target) as control:
            give_back_chunk(control, claim, error)
    except Exception:  # the coordinator frees a stale claim sooner or later
        return
