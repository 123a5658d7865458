"""Copies one chunk: claim, read, write, sweep tombstones, done.

I3: the transaction that writes the rows ends by marking the chunk done under the claim's
attempt number, or rolls back. I4, the sweep: a row that is deleted on the source after our read,
and whose delete is applied before our write, would come back as a phantom. The applier leaves
its key as a tombstone, and the chunk deletes every row of its own that has one. The tombstones
are read with a locking read, which waits for those that are not committed yet; one that comes
later belongs to a delete that waits for our rows' locks.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from sqlalchemy import Connection
from structlog.contextvars import bound_contextvars

from pipeline.control.chunk_map import key_range, tombstones_table
from pipeline.control.chunks import (
    Claim,
    claim_chunk,
    finish_chunk,
    release_failed_claim,
    renew_claim,
)
from pipeline.domain.migration import MigrationTable
from pipeline.errors import FencedError, UnreachableError
from pipeline.mysql.failures import driver_errors
from pipeline.mysql.keyrange import KeyRange, same_key
from pipeline.mysql.pooled import transaction_ended
from pipeline.mysql.pools import Pools, connection_id, lenient_sql_mode, run
from pipeline.mysql.quoting import quote_name
from pipeline.pausepoints import Point, reached
from pipeline.renewal import renewed
from pipeline.strategy.choice import strategy_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Copied:
    """What the copy of a chunk came to."""

    rows: int
    seconds: float
    source_s: float  # of them the source was busy with it


def copy_chunk(
    pools: Pools, source: str, target: str, table: MigrationTable, number: int, worker: str
) -> Copied | None:
    """Copy chunk `number`; None if somebody else has it, or if it is done already.

    Raises:
        FencedError: a later attempt has taken over meanwhile; nothing of ours stays.
        RetryableError, FatalError: nothing of ours stays; the chunk is pending again.
    """
    with pools.engine(target).connect() as session:
        with pools.begin(target) as control:
            claim = claim_chunk(control, table, number, worker, connection_id(session))
            if claim is None:
                return None
            keys = key_range(control, table, number)
        session.rollback()
        reached(Point.COPY_CLAIMED)
        stale_s = pools.settings.row_copy.stale_claim_s
        try:
            with (
                bound_contextvars(epoch=claim.attempt),
                renewed(lambda: _renew(pools, target, claim), stale_s),
            ):
                copied = _copy(pools, source, target, session, claim, keys)
                log.info("copied %d rows in %.2f s", copied.rows, copied.seconds)
                return copied
        except FencedError:
            raise
        except Exception as error:
            _release_claim(pools, target, claim, error)
            raise


def _renew(pools: Pools, target: str, claim: Claim) -> None:
    with pools.begin(target) as control:
        renew_claim(control, claim)


def _copy(
    pools: Pools, source: str, target: str, session: Connection, claim: Claim, keys: KeyRange
) -> Copied:
    table = claim.table
    started = time.monotonic()
    with pools.begin(source) as reader:
        write = strategy_of(table).read_chunk(reader, table.source, keys)
    read_s = time.monotonic() - started
    reached(Point.COPY_READ)
    with driver_errors(target), session.begin(), lenient_sql_mode(session, table.definition):
        written = write(session)
        reached(Point.COPY_WRITTEN)
        sweep_tombstones(session, table, keys)
        seconds = time.monotonic() - started
        finish_chunk(session, claim, written.rows, written.bytes, seconds)
        reached(Point.COPY_BEFORE_COMMIT)
    transaction_ended(session)
    return Copied(written.rows, seconds, seconds if source == target else read_s)


def sweep_tombstones(target: Connection, table: MigrationTable, keys: KeyRange) -> None:
    """Delete every row with a key in `keys` that has been deleted on the source meanwhile."""
    key, tombstones = table.definition.key, tombstones_table(table)
    found = run(
        target,
        f"SELECT 1 FROM {tombstones} WHERE {keys.condition(key)} LOCK IN SHARE MODE",
    ).rows
    if not found:
        return
    # At READ COMMITTED this statement's snapshot is taken after the wait above.
    filled = quote_name(table.target)
    run(
        target,
        f"DELETE FROM {filled} USING {filled} JOIN {tombstones} AS dead"
        f" ON {same_key(table.target_table, filled, 'dead', table.definition)}"
        f" WHERE {keys.condition(key, 'dead')}",
    )


def _release_claim(pools: Pools, target: str, claim: Claim, error: Exception) -> None:
    begun = not isinstance(error, UnreachableError)
    try:
        with pools.begin(target) as control:
            release_failed_claim(control, claim, str(error), begun=begun)
    except Exception:  # the coordinator releases a stale claim sooner or later
        return
