"""Statements on the messages that ask for chunks to be verified in full.

Adjoining chunks are sent as one, a run, in a message that names the first. A message that nobody
takes is sent again after a while, and so are chunks whose attempt nobody renews any more. None of
these statements reads more of the ledger than is in flight, however many chunks it has.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    cast,
    distinct,
    func,
    or_,
    select,
    update,
)

from pipeline.control.chunk_checks import CHUNKS_AT_ONCE, UNVERIFIED
from pipeline.control.schema import NOW, ago, chunk_checks, chunks
from pipeline.domain.migration import MigrationTable


@dataclass(frozen=True)
class DueCheck:
    """A chunk to be verified in full that nobody is verifying. `bytes`: as it was copied."""

    number: int
    bytes: int | None
    attempt: int = 0  # how many have begun before


def due_checks(
    connection: Connection, table: MigrationTable, most: int, resend_s: float
) -> list[DueCheck]:
    """Up to `most` unverified chunks that nobody is verifying."""
    due = or_(chunk_checks.c.not_before.is_(None), chunk_checks.c.not_before < NOW)
    same = (chunks.c.table_id == chunk_checks.c.table_id) & (
        chunks.c.number == chunk_checks.c.number
    )
    # Those with the fewest attempts come first, so that none starves.
    query = (
        select(chunk_checks.c.number, chunks.c.bytes, chunk_checks.c.attempt)
        .join(chunks, same)
        .where(chunk_checks.c.table_id == table.id, UNVERIFIED, ~_in_flight(resend_s), due)
        .order_by(chunk_checks.c.attempt, chunk_checks.c.number)
        .limit(most)
    )
    rows = connection.execute(query)
    return [DueCheck(int(row.number), row.bytes, int(row.attempt)) for row in rows]


def runs_in_flight(connection: Connection, table: MigrationTable, resend_s: float) -> int:
    """How many messages are on their way, or are being worked on."""
    query = select(func.count(distinct(chunk_checks.c.run))).where(
        chunk_checks.c.table_id == table.id, _in_flight(resend_s)
    )
    return int(connection.execute(query).scalar_one())


def mark_checks_sent(connection: Connection, table: MigrationTable, numbers: range) -> None:
    """Note that adjoining chunks are sent in one message, which names the first.

    An attempt on one of them that nobody renews any more is void: else it would look alive again.
    """
    abandoned = chunk_checks.c.claimed_batch.is_not(None)
    connection.execute(
        update(chunk_checks)
        .where(chunk_checks.c.table_id == table.id, UNVERIFIED)
        .where(chunk_checks.c.number.between(numbers[0], numbers[-1]))
        .ordered_values(  # the first needs what the second changes
            (chunk_checks.c.attempt, chunk_checks.c.attempt + cast(abandoned, Integer)),
            (chunk_checks.c.claimed_batch, None),
            (chunk_checks.c.run, numbers[0]),
            (chunk_checks.c.sent_at, NOW),
        )
    )


def unsend_check(connection: Connection, table: MigrationTable, number: int) -> None:
    """Have a message sent again: its worker must not do the work now. Another one may be at it."""
    sent_with = chunk_checks.c.number.between(number, number + CHUNKS_AT_ONCE - 1)
    connection.execute(
        update(chunk_checks)
        .where(chunk_checks.c.table_id == table.id, sent_with, chunk_checks.c.run == number)
        .where(chunk_checks.c.claimed_batch.is_(None))
        .values(run=None, sent_at=None)
    )


def waits_to_be_sent(
    connection: Connection, table: MigrationTable, number: int, resend_s: float
) -> bool:
    """Whether a chunk has to be verified in full, and nobody is doing that."""
    query = select(func.count()).where(
        chunk_checks.c.table_id == table.id, chunk_checks.c.number == number,
        UNVERIFIED, ~_in_flight(resend_s),
    )  # fmt: skip
    return bool(connection.execute(query).scalar_one())


def _in_flight(resend_s: float) -> ColumnElement[bool]:
    sent_at = chunk_checks.c.sent_at
    return sent_at.is_not(None) & (sent_at >= ago(resend_s))
