"""Statements on chunks: who copies which one, under which attempt number (I3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Update, case, func, select, update

from pipeline.control.schema import NOW, ago, chunks
from pipeline.control.totals import add_copied
from pipeline.domain.chunk_state import ChunkState
from pipeline.domain.migration import MigrationTable
from pipeline.errors import FencedError

UNFINISHED = tuple(state for state in ChunkState if state is not ChunkState.DONE)


@dataclass(frozen=True)
class Claim:
    """A chunk that a worker has claimed; the attempt number fences its transaction (I3)."""

    table: MigrationTable
    number: int
    attempt: int


@dataclass(frozen=True)
class UnfinishedChunk:
    """A chunk that is planned and not done. `age_s`: since it was sent, or its worker was seen."""

    number: int
    state: ChunkState
    age_s: float

    def is_stuck(self, resend_s: float, stale_claim_s: float) -> bool:
        """Whether its message, or its worker, seems to be lost."""
        limits_s = {ChunkState.SENT: resend_s, ChunkState.CLAIMED: stale_claim_s}
        return self.age_s > limits_s.get(self.state, math.inf)


def unfinished_chunks(connection: Connection, table: MigrationTable) -> list[UnfinishedChunk]:
    """Chunks that are planned and not done, by number: at most the window, and the open one."""
    claimed = chunks.c.state == ChunkState.CLAIMED
    since = func.coalesce(case((claimed, chunks.c.claimed_at), else_=chunks.c.sent_at), NOW)
    rows = connection.execute(
        select(chunks.c.number, chunks.c.state, since.label("since"), NOW.label("now"))
        .where(chunks.c.table_id == table.id, chunks.c.state.in_(UNFINISHED))
        .order_by(chunks.c.number)
    )
    return [
        UnfinishedChunk(row.number, row.state, (row.now - row.since).total_seconds())
        for row in rows
    ]


def waiting_and_claimed(connection: Connection, table: MigrationTable) -> tuple[int, int]:
    """How many chunks wait for a worker, and how many are being copied."""
    sent, claimed = (
        func.count(case((chunks.c.state == state, 1)))
        for state in (ChunkState.SENT, ChunkState.CLAIMED)
    )
    in_flight = chunks.c.state.in_((ChunkState.SENT, ChunkState.CLAIMED))
    row = connection.execute(
        select(sent, claimed).where(chunks.c.table_id == table.id, in_flight)
    ).one()
    return int(row[0]), int(row[1])


def mark_sent(connection: Connection, table: MigrationTable, numbers: Sequence[int]) -> None:
    connection.execute(
        update(chunks)
        .where(chunks.c.table_id == table.id, chunks.c.number.in_(numbers))
        .where(chunks.c.state == ChunkState.PENDING)
        .values(state=ChunkState.SENT, sent_at=NOW)
    )


def unsend(connection: Connection, table: MigrationTable, number: int) -> None:
    """Have a message sent again: its worker must not do the work now."""
    connection.execute(
        update(chunks)
        .where(chunks.c.table_id == table.id, chunks.c.number == number)
        .where(chunks.c.state == ChunkState.SENT)
        .values(state=ChunkState.PENDING)
    )


def expire_unclaimed(connection: Connection, table: MigrationTable, after_s: float) -> None:
    """Make chunks pending whose message was not taken in time.

    The broker may have lost it; if not, the attempt number takes care of the duplicate.
    """
    connection.execute(
        update(chunks)
        .where(chunks.c.table_id == table.id, chunks.c.state == ChunkState.SENT)
        .where(chunks.c.sent_at < ago(after_s))
        .values(state=ChunkState.PENDING)
    )


@dataclass(frozen=True)
class StaleClaim:
    """A chunk whose worker is gone, and the connection that the worker had `age_s` ago."""

    number: int
    connection_id: int
    age_s: float


def stale_claims(connection: Connection, table: MigrationTable, after_s: float) -> list[StaleClaim]:
    """Chunks whose claim nobody has renewed for so long that their worker is gone."""
    rows = connection.execute(
        select(chunks.c.number, chunks.c.connection_id, chunks.c.claimed_at, NOW.label("now"))
        .where(chunks.c.table_id == table.id, chunks.c.state == ChunkState.CLAIMED)
        .where(chunks.c.claimed_at < ago(after_s))
    )
    return [
        StaleClaim(row.number, row.connection_id, (row.now - row.claimed_at).total_seconds())
        for row in rows
    ]


def claim_chunk(
    connection: Connection, table: MigrationTable, number: int, worker: str, connection_id: int
) -> Claim | None:
    """Claim a chunk that nobody works on; None if it is claimed already, or done (I3)."""
    taken = connection.execute(
        update(chunks)
        .where(chunks.c.table_id == table.id, chunks.c.number == number)
        .where(chunks.c.state.in_((ChunkState.PENDING, ChunkState.SENT)))
        .values(
            state=ChunkState.CLAIMED, attempt=chunks.c.attempt + 1, worker=worker,
            connection_id=connection_id, claimed_at=NOW,
        )
    )  # fmt: skip
    if taken.rowcount != 1:
        return None
    attempt = connection.execute(
        select(chunks.c.attempt).where(chunks.c.table_id == table.id, chunks.c.number == number)
    ).scalar_one()
    return Claim(table, number, attempt)


def renew_claim(connection: Connection, claim: Claim) -> None:
    """Show that the copy is still going on."""
    connection.execute(_claimed(claim).values(claimed_at=NOW))


def finish_chunk(
    connection: Connection, claim: Claim, rows: int, size: int, seconds: float
) -> None:
    """The last statements of a chunk's transaction.

    Raises:
        FencedError: the claim is no longer ours; the transaction must be rolled back.
    """
    _settle(
        connection, claim, state=ChunkState.DONE, done_at=NOW, rows=rows, bytes=size,
        seconds=seconds, error=None,
    )  # fmt: skip
    add_copied(connection, claim.table, rows, size)


def release_failed_claim(
    connection: Connection, claim: Claim, error: str, *, begun: bool = True
) -> None:
    """Release the claim of a failed attempt, in a transaction of its own.

    `begun`: it counts as a failure of the chunk's; not if a server was away.

    Raises:
        FencedError: the claim is no longer ours.
    """
    failures = chunks.c.failures + int(begun)
    _settle(connection, claim, state=ChunkState.PENDING, error=error, failures=failures)


def _settle(connection: Connection, claim: Claim, **values: object) -> None:
    matched = connection.execute(_claimed(claim).values(**values))
    if matched.rowcount != 1:
        chunk = f"Chunk {claim.number} of {claim.table.source}"
        raise FencedError(f"{chunk} has a newer attempt, or was ended by an abort.")


def _claimed(claim: Claim) -> Update:
    return (
        update(chunks)
        .where(chunks.c.table_id == claim.table.id, chunks.c.number == claim.number)
        .where(chunks.c.attempt == claim.attempt, chunks.c.state == ChunkState.CLAIMED)
    )


def release_stale_claim(connection: Connection, table: MigrationTable, number: int) -> None:
    """Make a chunk with a stale claim pending.

    A new attempt number shuts the old worker out, but its connection still holds row locks, so
    that has to be killed first.
    """
    connection.execute(
        update(chunks)
        .where(chunks.c.table_id == table.id, chunks.c.number == number)
        .where(chunks.c.state == ChunkState.CLAIMED)
        .values(state=ChunkState.PENDING, attempt=chunks.c.attempt + 1)
    )


def void_chunks(connection: Connection, table: MigrationTable) -> None:
    """Shut out whoever copies, or is about to: once this commits, no chunk is claimed or done."""
    connection.execute(
        update(chunks)
        .where(chunks.c.table_id == table.id, chunks.c.state.in_(UNFINISHED))
        .values(state=ChunkState.VOID, attempt=chunks.c.attempt + 1)
    )


@dataclass(frozen=True)
class CopyPace:
    """What the latest chunks cost, to size the next one."""

    rows: int
    bytes: int
    seconds: float


def recent_pace(connection: Connection, table: MigrationTable, last: int = 8) -> CopyPace:
    recent = (
        select(chunks.c.rows, chunks.c.bytes, chunks.c.seconds)
        .where(chunks.c.table_id == table.id, chunks.c.state == ChunkState.DONE)
        .order_by(chunks.c.number.desc())
        .limit(last)
        .subquery()
    )
    row = connection.execute(
        select(func.sum(recent.c.rows), func.sum(recent.c.bytes), func.sum(recent.c.seconds)).where(
            recent.c.rows > 0
        )
    ).one()
    return CopyPace(int(row[0] or 0), int(row[1] or 0), float(row[2] or 0.0))


def forget_failures(connection: Connection, table: MigrationTable) -> None:
    """Count failed copies anew: somebody has looked at what failed."""
    connection.execute(
        update(chunks)
        .where(chunks.c.table_id == table.id, chunks.c.state.in_(UNFINISHED))
        .values(failures=0)
    )


def chunk_failures(connection: Connection, table: MigrationTable, number: int) -> int:
    """How many attempts to copy chunk `number` have failed."""
    query = select(chunks.c.failures).where(
        chunks.c.table_id == table.id, chunks.c.number == number
    )
    return int(connection.execute(query).scalar_one())
