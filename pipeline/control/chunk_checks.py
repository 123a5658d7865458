"""Statements on the ledger: a chunk check for each chunk.

I6 rests on this. The applier adds one to a chunk's `touched`, and records the keys that it changes,
in the transaction that changes them. A chunk is verified in full once; from then on only the keys
touched since are compared, so that what is left for the cut-over depends on what was written a
moment ago, and not on the size of the table. A verification is recorded only for what nobody has
touched since it began: a chunk at the count that it had, a key with the batch number that it had.
A chunk is clean if its count is the verified one; otherwise it is dirty.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, func, or_, select, true, update

from pipeline.control.schema import NOW, ago, ahead, chunk_checks
from pipeline.domain.migration import MigrationTable

DIRTY = or_(
    chunk_checks.c.verified_touched.is_(None),
    chunk_checks.c.verified_touched != chunk_checks.c.touched,
)


def touch(connection: Connection, table: MigrationTable, numbers: Iterable[int]) -> None:
    """Mark chunks as changed, in the transaction that changes their rows."""
    connection.execute(
        update(chunk_checks)
        .where(chunk_checks.c.table_id == table.id, chunk_checks.c.number.in_(sorted(numbers)))
        .values(touched=chunk_checks.c.touched + 1)
    )


def touched_count(
    connection: Connection, table: MigrationTable, number: int, *, lock: bool = False
) -> int:
    """How often a chunk was touched; with `lock` nobody can touch it until we commit."""
    query = select(chunk_checks.c.touched).where(
        chunk_checks.c.table_id == table.id, chunk_checks.c.number == number
    )
    return int(connection.execute(query.with_for_update() if lock else query).scalar_one())


def unsend_all(connection: Connection, table: MigrationTable) -> None:
    """Take all messages for sent no more: those tasks would read the rows under their old name."""
    connection.execute(
        update(chunk_checks)
        .where(chunk_checks.c.table_id == table.id, chunk_checks.c.sent_at.is_not(None))
        .values(sent_at=None)
    )


def unsend_check(connection: Connection, table: MigrationTable, number: int) -> None:
    """Have a message sent again: its worker must not do the work now."""
    connection.execute(
        update(chunk_checks)
        .where(chunk_checks.c.table_id == table.id, chunk_checks.c.number == number)
        .values(sent_at=None)
    )


@dataclass(frozen=True)
class CheckState:
    """A chunk check as a verification finds it."""

    touched: int
    fully_verified: bool


def read_check(connection: Connection, table: MigrationTable, number: int) -> CheckState:
    row = connection.execute(
        select(chunk_checks.c.touched, chunk_checks.c.fully_verified).where(
            chunk_checks.c.table_id == table.id, chunk_checks.c.number == number
        )
    ).one()
    return CheckState(*row)


def set_fully_verified(
    connection: Connection, table: MigrationTable, number: int, fully_verified: bool
) -> None:
    """Record that a chunk was verified in full, or that it has to be again."""
    connection.execute(
        update(chunk_checks)
        .where(chunk_checks.c.table_id == table.id, chunk_checks.c.number == number)
        .values(fully_verified=fully_verified)
    )


def mark_verified(connection: Connection, table: MigrationTable, number: int, touched: int) -> bool:
    """Record a verification that began at count `touched`; False if the count has moved on."""
    matched = connection.execute(
        update(chunk_checks)
        .where(
            chunk_checks.c.table_id == table.id,
            chunk_checks.c.number == number,
            chunk_checks.c.touched == touched,
        )
        .values(verified_touched=touched, verified_at=NOW)
    )
    return bool(matched.rowcount == 1)


def record_attempt(
    connection: Connection, table: MigrationTable, number: int, rows: int | None, again_s: float
) -> None:
    """Record that an attempt has ended; the chunk may be sent again after `again_s`."""
    values = {} if rows is None else {"rows": rows}
    connection.execute(
        update(chunk_checks)
        .where(chunk_checks.c.table_id == table.id, chunk_checks.c.number == number)
        .values(
            sent_at=None,
            not_before=ahead(again_s),
            verify_attempts=chunk_checks.c.verify_attempts + 1,
            **values,
        )
    )


def count_repair(connection: Connection, table: MigrationTable, number: int) -> int:
    """Count one more repair of a chunk; returns how many there have been."""
    connection.execute(
        update(chunk_checks)
        .where(chunk_checks.c.table_id == table.id, chunk_checks.c.number == number)
        .values(repairs=chunk_checks.c.repairs + 1)
    )
    return int(
        connection.execute(
            select(chunk_checks.c.repairs).where(
                chunk_checks.c.table_id == table.id, chunk_checks.c.number == number
            )
        ).scalar_one()
    )


def send_dirty(
    connection: Connection,
    table: MigrationTable,
    window: int,
    resend_s: float,
    *,
    ignore_backoff: bool,
) -> list[int]:
    """Up to `window` dirty chunks that nobody is verifying, noted as sent.

    With `ignore_backoff` also those that were being written a moment ago: the source is quiet now.
    """
    in_flight = chunk_checks.c.sent_at.is_not(None) & (chunk_checks.c.sent_at >= ago(resend_s))
    due = or_(chunk_checks.c.not_before.is_(None), chunk_checks.c.not_before < NOW)
    if ignore_backoff:
        due = true()
    mine = chunk_checks.c.table_id == table.id
    busy = connection.execute(
        select(func.count()).select_from(chunk_checks).where(mine, DIRTY, in_flight)
    ).scalar_one()
    # Those with the fewest attempts come first, so that none starves.
    query = (
        select(chunk_checks.c.number)
        .where(mine, DIRTY, ~in_flight, due)
        .order_by(chunk_checks.c.verify_attempts, chunk_checks.c.number)
        .limit(max(0, window - busy))
    )
    numbers = connection.execute(query).scalars().all()
    if numbers:
        connection.execute(
            update(chunk_checks).where(mine, chunk_checks.c.number.in_(numbers)).values(sent_at=NOW)
        )
    return list(numbers)


def dirty_chunks(connection: Connection, table: MigrationTable) -> list[int]:
    """The numbers of all dirty chunks."""
    query = (
        select(chunk_checks.c.number)
        .where(chunk_checks.c.table_id == table.id, DIRTY)
        .order_by(chunk_checks.c.number)
    )
    return [int(number) for number in connection.execute(query).scalars()]


@dataclass(frozen=True)
class LedgerState:
    """How far verification is: all chunks, the dirty ones, those never verified in full."""

    total: int
    dirty: int
    never_verified: int


def ledger_state(connection: Connection, table: MigrationTable) -> LedgerState:
    row = connection.execute(
        select(
            func.count(),
            func.coalesce(func.sum(DIRTY), 0),
            func.coalesce(func.sum(~chunk_checks.c.fully_verified), 0),
        ).where(chunk_checks.c.table_id == table.id)
    ).one()
    return LedgerState(*(int(value) for value in row))


def rows_at_last_check(connection: Connection, table: MigrationTable, number: int) -> int:
    """The rows of a chunk at its last verification; 0 if there was none."""
    query = select(chunk_checks.c.rows).where(
        chunk_checks.c.table_id == table.id, chunk_checks.c.number == number
    )
    return int(connection.execute(query).scalar_one() or 0)
