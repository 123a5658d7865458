"""Statements on the ledger: a chunk check for each chunk.

I6 rests on this, and on the touched key log. A chunk is verified in full once. It is claimed under
an attempt number of its own before any of its rows is read, and what the attempt found is recorded
only if no later one has begun: a verification or a repair that was delayed, or whose message came
twice, changes nothing. From then on only the touched keys are compared. If one of them differs, the
chunk that holds it has to be verified in full again.

Until an attempt has ended, keys touched since it began stay in the log: it has to tell which rows
may differ. `claimed_batch` says from which batch on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, false, func, or_, select, update

from pipeline.control.schema import NOW, ago, ahead, chunk_checks
from pipeline.control.totals import add_verified
from pipeline.domain.migration import MigrationTable
from pipeline.errors import FencedError

UNVERIFIED = chunk_checks.c.fully_verified == false()  # MariaDB finds no index for NOT


@dataclass(frozen=True)
class CheckClaim:
    """A chunk that is being verified in full; the attempt number fences what comes of it."""

    table: MigrationTable
    number: int
    attempt: int


def claim_check(
    connection: Connection, table: MigrationTable, number: int, batch: int
) -> CheckClaim | None:
    """Begin an attempt, of which earlier ones are void; None if the chunk is verified in full.

    `batch` is the last one applied, read in this transaction under the lock of the stream's row.
    """
    begun = connection.execute(
        _of(table, number)
        .where(UNVERIFIED)
        .values(attempt=chunk_checks.c.attempt + 1, claimed_batch=batch, sent_at=NOW)
    )
    if begun.rowcount != 1:
        return None
    attempt = connection.execute(
        select(chunk_checks.c.attempt).where(_is(table, number))
    ).scalar_one()
    return CheckClaim(table, number, int(attempt))


def release_check(connection: Connection, claim: CheckClaim, again_s: float) -> None:
    """End an attempt that has proved nothing; the chunk may be sent again after `again_s`."""
    connection.execute(
        _claimed(claim).values(sent_at=None, claimed_batch=None, not_before=ahead(again_s))
    )


def record_fully_verified(connection: Connection, claim: CheckClaim) -> None:
    """
    Raises:
        FencedError: a later attempt has begun.
    """
    recorded = connection.execute(
        _claimed(claim).values(
            fully_verified=True, claimed_batch=None, sent_at=None, verified_at=NOW
        )
    )
    _fence(claim, recorded.rowcount)
    add_verified(connection, claim.table, 1)


def count_repair(connection: Connection, claim: CheckClaim) -> None:
    """Count a repair, in its transaction, which ends the attempt, too.

    Raises:
        FencedError: a later attempt has begun.
    """
    counted = connection.execute(
        _claimed(claim).values(
            repairs=chunk_checks.c.repairs + 1, attempt=chunk_checks.c.attempt + 1,
            claimed_batch=None, sent_at=None, not_before=None,
        )
    )  # fmt: skip
    _fence(claim, counted.rowcount)


def repairs_so_far(connection: Connection, claim: CheckClaim) -> int:
    """How often the chunk was repaired.

    Raises:
        FencedError: a later attempt has begun.
    """
    row = connection.execute(
        select(chunk_checks.c.repairs).where(
            _is(claim.table, claim.number), chunk_checks.c.attempt == claim.attempt
        )
    ).one_or_none()
    _fence(claim, 0 if row is None else 1)
    return 0 if row is None else int(row.repairs)


def _fence(claim: CheckClaim, found: int) -> None:
    if found != 1:
        raise FencedError(f"Chunk {claim.number} of {claim.table.source} has a newer verification.")


def require_again(connection: Connection, table: MigrationTable, numbers: Iterable[int]) -> None:
    """Have chunks verified in full again; attempts on them that have begun are void."""
    those = (chunk_checks.c.table_id == table.id) & chunk_checks.c.number.in_(sorted(numbers))
    connection.execute(update(chunk_checks).where(those, UNVERIFIED).values(**_VOID))
    verified = connection.execute(
        update(chunk_checks).where(those, ~UNVERIFIED).values(fully_verified=False, **_VOID)
    )
    add_verified(connection, table, -verified.rowcount)


def void_attempt(connection: Connection, table: MigrationTable, number: int) -> None:
    """End the attempt on a chunk whose bounds change."""
    connection.execute(_of(table, number).values(**_VOID))


def void_attempts(connection: Connection, table: MigrationTable) -> None:
    """End all attempts: the rows will be under another name, or nobody else can read them."""
    connection.execute(
        update(chunk_checks).where(chunk_checks.c.table_id == table.id, UNVERIFIED).values(**_VOID)
    )


_VOID: dict[str, Any] = {
    "attempt": chunk_checks.c.attempt + 1,
    "claimed_batch": None,
    "sent_at": None,
    "not_before": None,
}


def first_claimed_batch(connection: Connection, table: MigrationTable) -> int | None:
    """The batch that the oldest attempt still going on began at; None if there is none."""
    query = select(func.min(chunk_checks.c.claimed_batch)).where(
        chunk_checks.c.table_id == table.id, chunk_checks.c.claimed_batch.is_not(None)
    )
    first = connection.execute(query).scalar_one()
    return None if first is None else int(first)


def unsend_check(connection: Connection, table: MigrationTable, number: int) -> None:
    """Have a message sent again: its worker must not do the work now."""
    connection.execute(_of(table, number).values(sent_at=None))


def send_unverified(
    connection: Connection, table: MigrationTable, window: int, resend_s: float
) -> list[int]:
    """Up to `window` unverified chunks that nobody is verifying, noted as sent."""
    in_flight = _in_flight(resend_s)
    due = or_(chunk_checks.c.not_before.is_(None), chunk_checks.c.not_before < NOW)
    mine = (chunk_checks.c.table_id == table.id) & UNVERIFIED
    busy = connection.execute(
        select(func.count()).where(chunk_checks.c.table_id == table.id, in_flight)
    ).scalar_one()
    # Those with the fewest attempts come first, so that none starves.
    query = (
        select(chunk_checks.c.number)
        .where(mine, ~in_flight, due)
        .order_by(chunk_checks.c.attempt, chunk_checks.c.number)
        .limit(max(0, window - busy))
    )
    numbers: Sequence[int] = connection.execute(query).scalars().all()
    if numbers:
        connection.execute(
            update(chunk_checks).where(mine, chunk_checks.c.number.in_(numbers)).values(sent_at=NOW)
        )
    return list(numbers)


def unverified_chunks(connection: Connection, table: MigrationTable, most: int) -> list[int]:
    """The numbers of up to `most` chunks that have to be verified in full, whichever they are."""
    query = select(chunk_checks.c.number).where(chunk_checks.c.table_id == table.id, UNVERIFIED)
    return sorted(int(number) for number in connection.execute(query.limit(most)).scalars())


def waits_to_be_sent(
    connection: Connection, table: MigrationTable, number: int, resend_s: float
) -> bool:
    """Whether a chunk has to be verified in full, and nobody is doing that."""
    query = select(func.count()).where(_is(table, number), UNVERIFIED, ~_in_flight(resend_s))
    return bool(connection.execute(query).scalar_one())


def _in_flight(resend_s: float) -> ColumnElement[bool]:
    sent_at = chunk_checks.c.sent_at
    return sent_at.is_not(None) & (sent_at >= ago(resend_s))


def is_fully_verified(connection: Connection, table: MigrationTable, number: int) -> bool:
    query = select(chunk_checks.c.fully_verified).where(_is(table, number))
    return bool(connection.execute(query).scalar_one())


def _is(table: MigrationTable, number: int) -> ColumnElement[bool]:
    return (chunk_checks.c.table_id == table.id) & (chunk_checks.c.number == number)


def _of(table: MigrationTable, number: int) -> Any:
    return update(chunk_checks).where(_is(table, number))


def _claimed(claim: CheckClaim) -> Any:
    return _of(claim.table, claim.number).where(chunk_checks.c.attempt == claim.attempt)
