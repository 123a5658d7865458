"""Statements on the touched key log: which keys each batch has changed, until they are verified.

The applier appends the keys of a batch in the transaction that changes their rows, numbered within
the batch; a row of the log holds many keys, as lines (rows/key_log.py). It has no other order and
no other index: appending is sequential, "touched later than batch b" is a scan of the log's end,
and what a verification has read is a stretch of the log's beginning, which is complete, since
batches commit in order. So one range deletes exactly that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate

from sqlalchemy import Connection, Update, or_, select, update

from pipeline.control.chunk_map import touched_table
from pipeline.control.schema import NOW, ago, migration_tables
from pipeline.domain.migration import MigrationTable
from pipeline.mysql.pools import run

COUNTED = 100_000  # keys of a log are counted; more are as many
_ASSUMED_PER_S = 10_000.0  # keys, until some have been compared
_MEASURED = 1000  # keys or more: with fewer it is the round trips that take time
_ROWS_AT_FIRST = 64  # of the log
KeyLines = tuple[bytes, ...]  # each once, as bytes; a collation may make some of them equal


@dataclass(frozen=True)
class LogSlice:
    """A stretch of the log, from its beginning: `rows` rows, the last at `place` of `batch`."""

    batch: int
    place: int
    rows: int
    lines: KeyLines

    @property
    def condition(self) -> str:
        return f"(batch < {self.batch} OR (batch = {self.batch} AND place <= {self.place}))"


def first_slice(
    connection: Connection, table: MigrationTable, batch: int, most: int
) -> LogSlice | None:
    """The log's first `most` keys or fewer, none later than `batch`; None if there are none.

    More than `most` only if the first row has more.
    """
    found = _first_rows(connection, table, f"batch <= {batch}", most)
    if not found:
        return None
    within = sum(total <= most for total in accumulate(count for *_, count in found))
    rows = max(1, within)
    end, place, _ = found[rows - 1]
    taken = LogSlice(end, place, rows, ())
    return replace(taken, lines=_lines(connection, table, taken.condition))


def _first_rows(
    connection: Connection, table: MigrationTable, condition: str, most: int
) -> list[tuple[int, int, int]]:
    """Batch, place and number of keys of the log's first rows, until these are `most` or more.

    A row may hold one key or hundreds, so they are read a few at first.
    """
    found: list[tuple[int, int, int]] = []
    size = _ROWS_AT_FIRST
    while True:
        some = run(
            connection,
            f"SELECT batch, place, key_count FROM {touched_table(table)} WHERE {condition}"
            f" ORDER BY batch, place LIMIT {size} OFFSET {len(found)}",
        ).rows
        found += [(int(batch), int(place), int(count)) for batch, place, count in some]
        if len(some) < size or sum(count for *_, count in found) >= most:
            return found
        size *= 2


def is_whole(connection: Connection, table: MigrationTable, taken: LogSlice) -> bool:
    """Whether nobody else has settled a part of the slice since it was taken."""
    statement = f"SELECT COUNT(*) FROM {touched_table(table)} WHERE {taken.condition}"
    return int(run(connection, statement).rows[0][0]) == taken.rows


def later_lines(connection: Connection, table: MigrationTable, batch: int) -> KeyLines:
    """The keys that batches later than `batch` have touched."""
    return _lines(connection, table, f"batch > {batch}")


def _lines(connection: Connection, table: MigrationTable, condition: str) -> KeyLines:
    rows = run(connection, f"SELECT key_lines FROM {touched_table(table)} WHERE {condition}").rows
    return tuple(dict.fromkeys(line for (lines,) in rows for line in lines.split(b"\n")))


def forget_slice(connection: Connection, table: MigrationTable, taken: LogSlice) -> int:
    """Delete the rows of a slice that are still there; returns how many there were."""
    statement = f"DELETE FROM {touched_table(table)} WHERE {taken.condition}"
    return run(connection, statement).affected


def count_touched(connection: Connection, table: MigrationTable, most: int = COUNTED) -> int:
    """How many keys the log has, one as often as it was logged; at most `most` are counted."""
    return min(most, sum(count for *_, count in _first_rows(connection, table, "TRUE", most)))


def note_keys_compared(
    connection: Connection, table: MigrationTable, keys: int, seconds: float
) -> None:
    """Note how fast keys are compared now, if there were enough of them to tell.

    Fewer understate it, so they can only raise it: a small table's one bad moment would stay.
    """
    per_s = keys / max(seconds, 1e-3)
    if keys >= _MEASURED or per_s > keys_per_s(connection, table):
        connection.execute(_of(table).values(keys_per_s=per_s))


def keys_per_s(connection: Connection, table: MigrationTable) -> float:
    """How many touched keys are compared in a second, without the waits for the stream."""
    query = select(migration_tables.c.keys_per_s).where(migration_tables.c.id == table.id)
    return float(connection.execute(query).scalar_one() or _ASSUMED_PER_S)


def send_keys(connection: Connection, table: MigrationTable, resend_s: float) -> bool:
    """Whether a message is to be sent to verify touched keys, which is noted as sent."""
    if not count_touched(connection, table, most=1):
        return False
    sent_at = migration_tables.c.keys_sent_at
    due = connection.execute(
        update(migration_tables)
        .where(migration_tables.c.id == table.id)
        .where(or_(sent_at.is_(None), sent_at < ago(resend_s)))
        .values(keys_sent_at=NOW)
    )
    return bool(due.rowcount)


def keys_are_sent(connection: Connection, table: MigrationTable) -> bool:
    """Whether a worker verifies touched keys, or has been asked to."""
    sent_at = migration_tables.c.keys_sent_at
    query = select(sent_at).where(migration_tables.c.id == table.id)
    return connection.execute(query).scalar_one() is not None


def begin_keys(connection: Connection, table: MigrationTable) -> int:
    """A worker begins; until it ends, no other message is sent. Returns its attempt number.

    If a second one begins, the first one's end does not count, so that there are not two for ever.
    Neither makes the other's work void: what both have found equal is deleted once.
    """
    attempt = migration_tables.c.keys_attempt
    connection.execute(_of(table).values(keys_attempt=attempt + 1, keys_sent_at=NOW))
    query = select(attempt).where(migration_tables.c.id == table.id)
    return int(connection.execute(query).scalar_one())


def renew_keys(connection: Connection, table: MigrationTable, attempt: int) -> None:
    """Show that an attempt is still going on."""
    connection.execute(_attempt(table, attempt).values(keys_sent_at=NOW))


def end_keys(
    connection: Connection, table: MigrationTable, attempt: int, errors: int | None = None
) -> None:
    """An attempt ends; where a server was away, and after a second error in a row, the next one is
    not sent before `resend_s`.

    `errors`: how many more it makes in a row, 0 where a server was away; None: it ended without.
    """
    now = _attempt(table, attempt)
    if errors is None:
        ended = now.values(keys_sent_at=None, keys_failures=0)
    else:
        at_once = errors > 0 and not keys_failures(connection, table)
        failures = migration_tables.c.keys_failures + errors
        ended = now.values(keys_sent_at=None if at_once else NOW, keys_failures=failures)
    connection.execute(ended)


def unsend_keys(connection: Connection, table: MigrationTable) -> None:
    """Have the message sent again: its worker must not do the work now."""
    connection.execute(_of(table).values(keys_sent_at=None))


def keys_failures(connection: Connection, table: MigrationTable) -> int:
    """How many attempts have ended in an error, in a row."""
    query = select(migration_tables.c.keys_failures).where(migration_tables.c.id == table.id)
    return int(connection.execute(query).scalar_one())


def forget_keys_failures(connection: Connection, table: MigrationTable) -> None:
    """Count errors anew: somebody has looked at what failed."""
    connection.execute(_of(table).values(keys_failures=0))


def _of(table: MigrationTable) -> Update:
    return update(migration_tables).where(migration_tables.c.id == table.id)


def _attempt(table: MigrationTable, attempt: int) -> Update:
    return _of(table).where(migration_tables.c.keys_attempt == attempt)
