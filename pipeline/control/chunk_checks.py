"""Statements on ranges: the ledger.

I6 rests on this. The applier adds one to `touched` of a range, and writes down the keys it
changes, in the transaction that changes them. A range is verified whole once; from then on
only the keys that were touched since are looked at, so that what is left for the cut-over
depends on what was written a moment ago and not on the size of the table. A verification is
recorded only for what nobody has touched since it began: a range at the count it began with,
a key with the batch number that it had. A range whose count is the verified one is clean.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, func, or_, select, true, update

from pipeline.control.schema import NOW, ago, ahead, ranges
from pipeline.domain.migration import Moved

DIRTY = or_(ranges.c.verified_touched.is_(None), ranges.c.verified_touched != ranges.c.touched)


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


def recall(connection: Connection, moved: Moved, no: int) -> None:
    """A worker has the message and must not work on it now: to be sent again."""
    connection.execute(
        update(ranges).where(ranges.c.moved_id == moved.id, ranges.c.no == no).values(sent_at=None)
    )


@dataclass(frozen=True)
class RangeState:
    """A range as a verification finds it."""

    touched: int
    whole: bool


def range_state(connection: Connection, moved: Moved, no: int) -> RangeState:
    row = connection.execute(
        select(ranges.c.touched, ranges.c.whole).where(
            ranges.c.moved_id == moved.id, ranges.c.no == no
        )
    ).one()
    return RangeState(int(row.touched), bool(row.whole))


def set_whole(connection: Connection, moved: Moved, no: int, whole: bool) -> None:
    """Note that range `no` was verified whole, or that it has to be again."""
    connection.execute(
        update(ranges).where(ranges.c.moved_id == moved.id, ranges.c.no == no).values(whole=whole)
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
        select(func.count()).select_from(ranges).where(mine, DIRTY, in_flight)
    ).scalar_one()
    numbers = (
        connection.execute(
            select(ranges.c.no)
            .where(mine, DIRTY, ~in_flight, rested)
            .order_by(ranges.c.looks, ranges.c.no)  # the least looked at first: none starves
            .limit(max(0, window - busy))
        )
        .scalars()
        .all()
    )
    if numbers:
        connection.execute(update(ranges).where(mine, ranges.c.no.in_(numbers)).values(sent_at=NOW))
    return list(numbers)


def dirty_ranges(connection: Connection, moved: Moved) -> list[int]:
    """The numbers of all ranges that were touched since they were verified."""
    query = select(ranges.c.no).where(ranges.c.moved_id == moved.id, DIRTY).order_by(ranges.c.no)
    return [int(no) for no in connection.execute(query).scalars()]


@dataclass(frozen=True)
class LedgerState:
    """How far verification is: ranges, those dirty, those never verified whole."""

    total: int
    dirty: int
    not_whole: int


def ledger_state(connection: Connection, moved: Moved) -> LedgerState:
    row = connection.execute(
        select(
            func.count(),
            func.coalesce(func.sum(DIRTY), 0),
            func.coalesce(func.sum(~ranges.c.whole), 0),
        ).where(ranges.c.moved_id == moved.id)
    ).one()
    return LedgerState(*(int(value) for value in row))


def range_rows(connection: Connection, moved: Moved, no: int) -> int:
    """Rows of range `no` at its last verification; 0 if there was none."""
    query = select(ranges.c.rows).where(ranges.c.moved_id == moved.id, ranges.c.no == no)
    return int(connection.execute(query).scalar_one() or 0)
