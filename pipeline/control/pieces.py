"""Statements on the pieces of a table's key space: bounds, chunks and ranges (the ledger).

Chunks and ranges share their bounds: piece `no` holds the keys above bound `no - 1` and up
to bound `no`. The last piece is open above, so together they cover the whole key space at
every moment. Bounds are only ever appended: the open piece is cut in two.

I6 rests on two counters. The applier adds one to `touched` in the transaction that changes
a row of the range; a verification notes the count it began with, and is recorded only if
the count is still the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, case, func, or_, select, text, true, update

from pipeline.control.records import ChunkState, Claim, Moved
from pipeline.control.schema import NOW, SCHEMA, chunks, ranges, streams
from pipeline.errors import FencedError
from pipeline.mysql.codecs import literal_expression
from pipeline.mysql.keyrange import Bound, KeyRange
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_list, quote_name
from pipeline.mysql.table import TableName

NUMBER = "_tranship_piece"  # no key column of a moved table has this name


def bounds_table(moved: Moved) -> str:
    return quote_name(TableName(SCHEMA, f"bounds_{moved.id}"))


def tombstones_table(moved: Moved) -> str:
    return quote_name(TableName(SCHEMA, f"tombstones_{moved.id}"))


def create_key_tables(connection: Connection, moved: Moved) -> None:
    """The two tables whose key columns are typed and collated as the moved table's are."""
    columns = quote_list(moved.table.key.columns)
    rows = f"{columns} FROM {quote_name(moved.target)} LIMIT 0"
    run(
        connection,
        f"CREATE TABLE IF NOT EXISTS {bounds_table(moved)}"
        f" ({NUMBER} INT NOT NULL PRIMARY KEY, UNIQUE KEY by_key ({columns})) ENGINE=InnoDB"
        f" SELECT 0 AS {NUMBER}, {rows}",
    )
    run(
        connection,
        f"CREATE TABLE IF NOT EXISTS {tombstones_table(moved)}"
        f" (PRIMARY KEY ({columns})) ENGINE=InnoDB SELECT {rows}",
    )


def drop_key_tables(connection: Connection, moved: Moved) -> None:
    run(connection, f"DROP TABLE IF EXISTS {bounds_table(moved)}, {tombstones_table(moved)}")


def delete_pieces(connection: Connection, moved: Moved) -> None:
    connection.execute(chunks.delete().where(chunks.c.moved_id == moved.id))
    connection.execute(ranges.delete().where(ranges.c.moved_id == moved.id))


def key_range(connection: Connection, moved: Moved, no: int) -> KeyRange:
    """The keys of piece `no`."""
    literals = ", ".join(literal_expression(column) for column in moved.table.key_columns)
    rows = run(
        connection,
        f"SELECT {NUMBER}, {literals} FROM {bounds_table(moved)}"
        f" WHERE {NUMBER} IN ({no - 1}, {no})",
    ).rows
    by_number: dict[int, Bound] = {row[0]: bound_from_row(row[1:]) for row in rows}
    return KeyRange(by_number.get(no - 1), by_number.get(no))


def bound_from_row(values: Iterable[object]) -> Bound:
    """Literals that a server wrote, whatever type the driver gave them."""
    return tuple(
        value.decode("ascii") if isinstance(value, bytes) else str(value) for value in values
    )


def first_piece(connection: Connection, moved: Moved) -> None:
    """The whole key space as one open piece; once."""
    known = connection.execute(
        select(chunks.c.no).where(chunks.c.moved_id == moved.id).limit(1)
    ).scalar_one_or_none()
    if known is None:
        _insert_piece(connection, moved, 0, ChunkState.PENDING)


def last_piece(connection: Connection, moved: Moved) -> int:
    """The number of the open piece."""
    return int(
        connection.execute(
            select(func.max(chunks.c.no)).where(chunks.c.moved_id == moved.id)
        ).scalar_one()
    )


def cut_open_piece(connection: Connection, moved: Moved, bound: Bound) -> int:
    """End the open piece at `bound` and open a new one above it; its number.

    The stream's row is locked first and its layout number raised: an applier that mapped
    keys by the older layout finds out before it commits, and touches the new piece too.
    """
    connection.execute(
        update(streams)
        .where(streams.c.migration_id == moved.migration_id)
        .values(layout=streams.c.layout + 1)
    )
    no = last_piece(connection, moved)
    columns = quote_list(moved.table.key.columns)
    run(
        connection,
        f"INSERT INTO {bounds_table(moved)} ({NUMBER}, {columns})"
        f" VALUES ({no}, {', '.join(bound)})",
    )
    if moved.copied:
        # Its rows came with the older piece, and were looked at with it.
        _insert_piece(connection, moved, no + 1, ChunkState.DONE, looks=1, rows=moved.chunk_rows)
        _touch_all(connection, moved, (no, no + 1))
    else:
        _insert_piece(connection, moved, no + 1, ChunkState.PENDING)
    return no


def _insert_piece(
    connection: Connection, moved: Moved, no: int, state: ChunkState, looks: int = 0, rows: int = 0
) -> None:
    connection.execute(chunks.insert().values(moved_id=moved.id, no=no, state=state, attempt=0))
    connection.execute(
        ranges.insert().values(
            moved_id=moved.id, no=no, touched=0, looks=looks, rows=rows, repairs=0
        )
    )


# --- chunks ---------------------------------------------------------------------------


def unfinished_chunks(connection: Connection, moved: Moved) -> list[tuple[int, ChunkState]]:
    """Chunks planned and not done: at most the window, and the open one."""
    rows = connection.execute(
        select(chunks.c.no, chunks.c.state)
        .where(chunks.c.moved_id == moved.id, chunks.c.state != ChunkState.DONE)
        .order_by(chunks.c.no)
    )
    return [(row.no, ChunkState(row.state)) for row in rows]


def mark_sent(connection: Connection, moved: Moved, no: int) -> None:
    connection.execute(
        update(chunks)
        .where(chunks.c.moved_id == moved.id, chunks.c.no == no)
        .where(chunks.c.state == ChunkState.PENDING)
        .values(state=ChunkState.SENT, sent_at=NOW)
    )


def forget_unclaimed(connection: Connection, moved: Moved, after_s: float) -> None:
    """Chunks whose message was not taken in time are pending again: the broker may have
    lost it, and if not, the attempt number sees to the duplicate."""
    connection.execute(
        update(chunks)
        .where(chunks.c.moved_id == moved.id, chunks.c.state == ChunkState.SENT)
        .where(chunks.c.sent_at < _ago(after_s))
        .values(state=ChunkState.PENDING)
    )


def stale_claims(connection: Connection, moved: Moved, after_s: float) -> list[tuple[int, int]]:
    """(no, connection number) of chunks claimed so long ago that their worker is gone."""
    rows = connection.execute(
        select(chunks.c.no, chunks.c.connection_id)
        .where(chunks.c.moved_id == moved.id, chunks.c.state == ChunkState.CLAIMED)
        .where(chunks.c.claimed_at < _ago(after_s))
    )
    return [(row.no, row.connection_id) for row in rows]


def claim_chunk(
    connection: Connection, moved: Moved, no: int, worker: str, connection_id: int
) -> Claim | None:
    """Take a chunk that nobody works on; None if it is claimed or done (I3)."""
    taken = connection.execute(
        update(chunks)
        .where(chunks.c.moved_id == moved.id, chunks.c.no == no)
        .where(chunks.c.state.in_((ChunkState.PENDING, ChunkState.SENT)))
        .values(
            state=ChunkState.CLAIMED, attempt=chunks.c.attempt + 1, worker=worker,
            connection_id=connection_id, claimed_at=NOW,
        )
    )  # fmt: skip
    if taken.rowcount != 1:
        return None
    attempt = connection.execute(
        select(chunks.c.attempt).where(chunks.c.moved_id == moved.id, chunks.c.no == no)
    ).scalar_one()
    return Claim(moved, no, attempt)


def finish_chunk(
    connection: Connection, claim: Claim, rows: int, size: int, seconds: float
) -> None:
    """The last statement of a chunk's transaction.

    Raises:
        FencedError: the claim is no longer ours; the transaction must be rolled back.
    """
    _settle(
        connection, claim, state=ChunkState.DONE, done_at=NOW, rows=rows, bytes=size,
        seconds=seconds, error=None,
    )  # fmt: skip


def give_back_chunk(connection: Connection, claim: Claim, error: str) -> None:
    """After a failed attempt, in a transaction of its own.

    Raises:
        FencedError: the claim is no longer ours.
    """
    _settle(connection, claim, state=ChunkState.PENDING, error=error)


def _settle(connection: Connection, claim: Claim, **values: object) -> None:
    matched = connection.execute(
        update(chunks)
        .where(chunks.c.moved_id == claim.moved.id, chunks.c.no == claim.no)
        .where(chunks.c.attempt == claim.attempt, chunks.c.state == ChunkState.CLAIMED)
        .values(**values)
    )
    if matched.rowcount != 1:
        raise FencedError(f"Chunk {claim.no} of {claim.moved.source} has a newer attempt.")


def free_chunk(connection: Connection, moved: Moved, no: int) -> None:
    """Make a chunk with a stale claim pending; its attempt number shuts the old worker out
    only once it is claimed again, so its connection must be killed first."""
    connection.execute(
        update(chunks)
        .where(chunks.c.moved_id == moved.id, chunks.c.no == no)
        .where(chunks.c.state == ChunkState.CLAIMED)
        .values(state=ChunkState.PENDING, attempt=chunks.c.attempt + 1)
    )


@dataclass(frozen=True)
class CopyPace:
    """What the latest chunks cost, to size the next one."""

    rows: int
    bytes: int
    seconds: float


def recent_pace(connection: Connection, moved: Moved, last: int = 8) -> CopyPace:
    recent = (
        select(chunks.c.rows, chunks.c.bytes, chunks.c.seconds)
        .where(chunks.c.moved_id == moved.id, chunks.c.state == ChunkState.DONE, chunks.c.rows > 0)
        .order_by(chunks.c.no.desc())
        .limit(last)
        .subquery()
    )
    row = connection.execute(
        select(func.sum(recent.c.rows), func.sum(recent.c.bytes), func.sum(recent.c.seconds))
    ).one()
    return CopyPace(int(row[0] or 0), int(row[1] or 0), float(row[2] or 0.0))


# --- ranges: the ledger ---------------------------------------------------------------

_DIRTY = or_(ranges.c.verified_touched.is_(None), ranges.c.verified_touched != ranges.c.touched)


def touch(connection: Connection, moved: Moved, numbers: Iterable[int]) -> None:
    """Mark ranges as changed, in the transaction that changes their rows."""
    _touch_all(connection, moved, sorted(numbers))


def _touch_all(connection: Connection, moved: Moved, numbers: Iterable[int]) -> None:
    connection.execute(
        update(ranges)
        .where(ranges.c.moved_id == moved.id, ranges.c.no.in_(numbers))
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
        .values(sent_at=None, not_before=_in(again_s), looks=ranges.c.looks + 1, **values)
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
    in_flight = ranges.c.sent_at.is_not(None) & (ranges.c.sent_at >= _ago(resend_s))
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


def _ago(seconds: float) -> object:
    return _in(-seconds)


def _in(seconds: float) -> object:
    return text(f"UTC_TIMESTAMP(6) + INTERVAL {round(seconds * 1e6)} MICROSECOND")


def range_rows(connection: Connection, moved: Moved, no: int) -> int:
    """Rows of range `no` at its last verification; 0 if there was none."""
    query = select(ranges.c.rows).where(ranges.c.moved_id == moved.id, ranges.c.no == no)
    return int(connection.execute(query).scalar_one() or 0)


def chunk_attempts(connection: Connection, moved: Moved, no: int) -> int:
    """How often chunk `no` was claimed."""
    query = select(chunks.c.attempt).where(chunks.c.moved_id == moved.id, chunks.c.no == no)
    return int(connection.execute(query).scalar_one())
