"""Statements on ranges: the ledger.

I6 rests on two counters. The applier adds one to `touched` in the transaction that changes
a row of the range; a verification notes the count it began with, and is recorded only if
the count is still the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, case, func, or_, select, true, update

from pipeline.control.records import Moved
from pipeline.control.schema import NOW, ago, ahead, ranges

_DIRTY = or_(ranges.c.verified_touched.is_(None), ranges.c.verified_touched != ranges.c.touched)


def touch(connection: Connection, moved: Moved, numbers: Iterable[int]) -> None:
    """Mark ranges as changed, in the transaction that changes their rows."""
    connection.execute(
        update(ranges)
        .where(ranges.c.moved_id == moved.id, ranges.c.no.in_(sorted(numbers)))
        .values(touched=ranges.c.touched + 1)
    )


def touched_count(connection: Connection, moved: Moved, no: int, *, lock: bool = False) -> int:
    """How often range `no` was touched; with `lock` nobody can touch it until we commit."""
    query = select(ranges.c.touched).where(ranges.c.moved_id == moved.id, ranges.c.no == no)
    return int(connection.execute(query.with_for_update() if lock else query).scalar_one())


def recall_sent(connection: Connection, moved: Moved) -> None:
    """Forget what was sent: those tasks look for the rows under their old name."""
    connection.execute(
        update(ranges)
        .where(ranges.c.moved_id == moved.id, ranges.c.sent_at.is_not(None))
        .values(sent_at=None)
    )


def mark_verified(connection: Connection, moved: Moved, no: int, touched: int) -> bool:
    """Record a verification that began at count `touched`; False if it has moved on."""
    matched = connection.execute(
        update(ranges)
        .where(ranges.c.moved_id == moved.id, ranges.c.no == no, ranges.c.touched == touched)
        .values(verified_touched=touched, verified_at=NOW)
    )
    return bool(matched.rowcount == 1)


def look_over(
    connection: Connection, moved: Moved, no: int, rows: int | None, again_s: float
) -> None:
    """An attempt has ended: the range may be sent again after `again_s`."""
    values = {} if rows is None else {"rows": rows}
    connection.execute(
        update(ranges)
        .where(ranges.c.moved_id == moved.id, ranges.c.no == no)
        .values(sent_at=None, not_before=ahead(again_s), looks=ranges.c.looks + 1, **values)
    )


def count_repair(connection: Connection, moved: Moved, no: int) -> int:
    """Add one to the repairs of a range; how many there have been."""
    connection.execute(
        update(ranges)
        .where(ranges.c.moved_id == moved.id, ranges.c.no == no)
        .values(repairs=ranges.c.repairs + 1)
    )
    return int(
        connection.execute(
            select(ranges.c.repairs).where(ranges.c.moved_id == moved.id, ranges.c.no == no)
        ).scalar_one()
    )


def send_dirty(
    connection: Connection, moved: Moved, window: int, resend_s: float, *, at_once: bool
) -> list[int]:
    """Up to `window` dirty ranges that nobody verifies now, noted as sent.

    With `at_once` also those that were moving a moment ago: the source is quiet now.
    """
    in_flight = ranges.c.sent_at.is_not(None) & (ranges.c.sent_at >= ago(resend_s))
    rested = true() if at_once else or_(ranges.c.not_before.is_(None), ranges.c.not_before < NOW)
    mine = ranges.c.moved_id == moved.id
    busy = connection.execute(
        select(func.count()).select_from(ranges).where(mine, _DIRTY, in_flight)
    ).scalar_one()
    numbers = (
        connection.execute(
            select(ranges.c.no)
            .where(mine, _DIRTY, ~in_flight, rested)
            .order_by(ranges.c.looks, ranges.c.no)  # the least looked at first: none starves
            .limit(max(0, window - busy))
        )
        .scalars()
        .all()
    )
    if numbers:
        connection.execute(update(ranges).where(mine, ranges.c.no.in_(numbers)).values(sent_at=NOW))
    return list(numbers)


@dataclass(frozen=True)
class LedgerState:
    """How far verification is. `unseen` ranges were never looked at."""

    total: int
    dirty: int
    dirty_rows: int
    unseen: int

    def __add__(self, other: LedgerState) -> LedgerState:
        return LedgerState(
            self.total + other.total,
            self.dirty + other.dirty,
            self.dirty_rows + other.dirty_rows,
            self.unseen + other.unseen,
        )


def ledger_state(connection: Connection, moved: Moved) -> LedgerState:
    dirty_rows = case((_DIRTY, func.coalesce(ranges.c.rows, 0)), else_=0)
    row = connection.execute(
        select(
            func.count(),
            func.coalesce(func.sum(_DIRTY), 0),
            func.coalesce(func.sum(dirty_rows), 0),
            func.coalesce(func.sum(ranges.c.looks == 0), 0),
        ).where(ranges.c.moved_id == moved.id)
    ).one()
    return LedgerState(*(int(value) for value in row))


def range_rows(connection: Connection, moved: Moved, no: int) -> int:
    """Rows of range `no` at its last verification; 0 if there was none."""
    query = select(ranges.c.rows).where(ranges.c.moved_id == moved.id, ranges.c.no == no)
    return int(connection.execute(query).scalar_one() or 0)
