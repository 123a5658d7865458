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
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Update, false, func, literal, select, update

from pipeline.control.schema import NOW, ago, ahead, chunk_checks
from pipeline.control.totals import add_verified
from pipeline.domain.migration import MigrationTable
from pipeline.errors import FencedError

UNVERIFIED = chunk_checks.c.fully_verified == false()  # MariaDB finds no index for NOT
CHUNKS_AT_ONCE = 16  # one task verifies no more


@dataclass(frozen=True)
class CheckClaim:
    """Adjoining chunks that are being verified in full; the attempt number fences what comes of it.

    It is one attempt on all of them, so they have the same number.
    """

    table: MigrationTable
    first: int
    last: int
    attempt: int

    @property
    def numbers(self) -> range:
        return range(self.first, self.last + 1)

    def of(self, number: int) -> CheckClaim:
        """The part of the claim that is about one chunk."""
        return replace(self, first=number, last=number)


def claim_checks(
    connection: Connection, table: MigrationTable, number: int, batch: int, resend_s: float
) -> CheckClaim | None:
    """Begin an attempt on chunk `number` and on those sent with it; earlier attempts are void.

    None if they are verified in full, or if an attempt is going on that was renewed within
    `resend_s`: a message that has waited for long has been sent a second time. `batch` is the last
    one applied, read in this transaction under the lock of the stream's row, which keeps other
    claims out.
    """
    sent_with = (chunk_checks.c.number == number) | (chunk_checks.c.run == number)
    going_on = chunk_checks.c.claimed_batch.is_not(None) & (chunk_checks.c.sent_at >= ago(resend_s))
    waiting = connection.execute(
        select(chunk_checks.c.number, chunk_checks.c.attempt)
        .where(chunk_checks.c.table_id == table.id, UNVERIFIED, sent_with, ~going_on)
        .where(chunk_checks.c.number.between(number, number + CHUNKS_AT_ONCE - 1))
        .order_by(chunk_checks.c.number)
    ).all()
    if not waiting:
        return None
    first = int(waiting[0].number)
    # A chunk between them may have been verified since; what is beyond it is sent again.
    adjoining = [row for place, row in enumerate(waiting) if row.number == first + place]
    attempt = 1 + max(int(row.attempt) for row in adjoining)
    claim = CheckClaim(table, first, first + len(adjoining) - 1, attempt)
    connection.execute(
        _of(claim).values(attempt=attempt, claimed_batch=batch, run=first, sent_at=NOW)
    )
    return claim


def renew_check(connection: Connection, claim: CheckClaim) -> None:
    """Show that an attempt is still going on; one that has just been released stays so."""
    going_on = chunk_checks.c.claimed_batch.is_not(None)
    connection.execute(_claimed(claim).where(UNVERIFIED, going_on).values(sent_at=NOW))


def release_check(
    connection: Connection, claim: CheckClaim, again_s: float, errors: int | None = None
) -> None:
    """End an attempt; what it has not proved may be sent again after `again_s`.

    `errors`: how many more it makes in a row, 0 where a server was away; None: it ended without.
    """
    failures = literal(0) if errors is None else chunk_checks.c.failures + errors
    connection.execute(
        _claimed(claim)
        .where(UNVERIFIED)
        .values(
            sent_at=None, run=None, claimed_batch=None, not_before=ahead(again_s),
            failures=failures,
        )
    )  # fmt: skip


def check_failures(connection: Connection, table: MigrationTable, number: int) -> int:
    """How many attempts on chunk `number` have ended in an error, in a row."""
    query = select(chunk_checks.c.failures).where(_is(table, number))
    return int(connection.execute(query).scalar_one())


def record_fully_verified(
    connection: Connection, claim: CheckClaim, different: Sequence[int] = ()
) -> None:
    """Record that all chunks of `claim` are equal but those in `different`.

    Raises:
        FencedError: a later attempt has begun on one of them.
    """
    recorded = connection.execute(
        _claimed(claim)
        .where(chunk_checks.c.number.not_in(different))
        .values(
            fully_verified=True, claimed_batch=None, run=None, sent_at=None, verified_at=NOW,
            failures=0,
        )
    )  # fmt: skip
    _fence(claim, recorded.rowcount, len(claim.numbers) - len(different))
    add_verified(connection, claim.table, recorded.rowcount)


def count_repair(connection: Connection, claim: CheckClaim) -> None:
    """Count the repair of a chunk, in its transaction, which ends the attempt, too.

    Raises:
        FencedError: a later attempt has begun.
    """
    counted = connection.execute(
        _claimed(claim).values(
            repairs=chunk_checks.c.repairs + 1, attempt=chunk_checks.c.attempt + 1,
            claimed_batch=None, run=None, sent_at=None, not_before=None, failures=0,
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
            _is(claim.table, claim.first), chunk_checks.c.attempt == claim.attempt
        )
    ).one_or_none()
    _fence(claim, 0 if row is None else 1)
    return 0 if row is None else int(row.repairs)


def forget_check_failures(connection: Connection, table: MigrationTable) -> None:
    """Count repairs and errors anew: somebody has looked at what differed, or failed."""
    of_table = update(chunk_checks).where(chunk_checks.c.table_id == table.id)
    connection.execute(of_table.values(repairs=0, failures=0))


def _fence(claim: CheckClaim, found: int, wanted: int = 1) -> None:
    if found != wanted:
        raise FencedError(f"Chunk {claim.first} of {claim.table.source} has a newer verification.")


def require_again(connection: Connection, table: MigrationTable, numbers: Iterable[int]) -> None:
    """Have chunks verified in full again; attempts on them that have begun are void."""
    those = (chunk_checks.c.table_id == table.id) & chunk_checks.c.number.in_(sorted(numbers))
    connection.execute(update(chunk_checks).where(those, UNVERIFIED).values(**_VOID))
    verified = connection.execute(
        update(chunk_checks).where(those, ~UNVERIFIED).values(fully_verified=False, **_VOID)
    )
    add_verified(connection, table, -verified.rowcount)


def require_all_again(connection: Connection, table: MigrationTable) -> None:
    """Have the whole table verified again; attempts that have begun are void."""
    void_attempts(connection, table)
    verified = connection.execute(
        update(chunk_checks)
        .where(chunk_checks.c.table_id == table.id, ~UNVERIFIED)
        .values(fully_verified=False, **_VOID)
    )
    add_verified(connection, table, -verified.rowcount)


def void_attempt(connection: Connection, table: MigrationTable, number: int) -> None:
    """End the attempt on a chunk whose bounds change."""
    connection.execute(update(chunk_checks).where(_is(table, number)).values(**_VOID))


def void_attempts(connection: Connection, table: MigrationTable) -> None:
    """End all attempts: the rows will be under another name, or nobody else can read them."""
    connection.execute(
        update(chunk_checks).where(chunk_checks.c.table_id == table.id, UNVERIFIED).values(**_VOID)
    )


def void_sent_attempts(connection: Connection, table: MigrationTable) -> None:
    """End the attempts that have begun, or whose message is under way: no other may follow.

    As long as an attempt may repair, its chunk has `sent_at`. All other rows stay untouched: during
    the copy that is the whole ledger.
    """
    sent = chunk_checks.c.sent_at.is_not(None)
    of_table = update(chunk_checks).where(chunk_checks.c.table_id == table.id)
    connection.execute(of_table.where(UNVERIFIED, sent).values(**_VOID))


_VOID: dict[str, Any] = {
    "attempt": chunk_checks.c.attempt + 1,
    "claimed_batch": None,
    "run": None,
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


def unverified_chunks(connection: Connection, table: MigrationTable, most: int) -> list[int]:
    """The numbers of up to `most` chunks that have to be verified in full, whichever they are."""
    query = select(chunk_checks.c.number).where(chunk_checks.c.table_id == table.id, UNVERIFIED)
    return sorted(int(number) for number in connection.execute(query.limit(most)).scalars())


def is_fully_verified(connection: Connection, table: MigrationTable, number: int) -> bool:
    query = select(chunk_checks.c.fully_verified).where(_is(table, number))
    return bool(connection.execute(query).scalar_one())


def _is(table: MigrationTable, number: int) -> ColumnElement[bool]:
    return (chunk_checks.c.table_id == table.id) & (chunk_checks.c.number == number)


def _of(claim: CheckClaim) -> Update:
    return update(chunk_checks).where(
        chunk_checks.c.table_id == claim.table.id,
        chunk_checks.c.number.between(claim.first, claim.last),
    )


def _claimed(claim: CheckClaim) -> Update:
    return _of(claim).where(chunk_checks.c.attempt == claim.attempt)
