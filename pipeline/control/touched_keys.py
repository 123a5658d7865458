"""Statements on the touched key log: which keys each batch has changed, until they are verified.

The applier appends the keys of a batch in the transaction that changes their rows, numbered within
the batch. It has no other order and no other index: appending is sequential, "touched later than
batch b" is a scan of the log's end, and what a verification has read is a stretch of the log's
beginning, which is complete, since batches commit in order. So one range deletes exactly that.

The key columns are not in the log's primary key: with the batch they could be too long for one, or
too many. Two keys may be equal by collation only; keys are distinct here as the server says.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Update, or_, select, update

from pipeline.control.chunk_map import BATCH, PLACE, touched_table
from pipeline.control.schema import NOW, ago, migration_tables
from pipeline.domain.migration import MigrationTable
from pipeline.mysql.codecs import key_literals
from pipeline.mysql.keyrange import Bound, KeyRange, bound_from_row, exact_names, order
from pipeline.mysql.pools import run

COUNTED = 100_000  # rows of a log are counted; more are as many
_ASSUMED_PER_S = 10_000.0  # keys, until some have been compared
_MEASURED = 1000  # keys or more: with fewer it is the round trips that take time


@dataclass(frozen=True)
class LogSlice:
    """A stretch of the log, from its beginning: up to place `place` of batch `batch`.

    `place` None: all of that batch. `keys` are the distinct ones in it, which has `rows` rows.
    """

    batch: int
    place: int | None
    keys: list[Bound]
    rows: int

    @property
    def condition(self) -> str:
        return _up_to(self.batch, self.place)


def _up_to(batch: int, place: int | None) -> str:
    if place is None:
        return f"{BATCH} <= {batch}"
    return f"({BATCH} < {batch} OR ({BATCH} = {batch} AND {PLACE} <= {place}))"


def first_slice(
    connection: Connection, table: MigrationTable, batch: int, most: int
) -> LogSlice | None:
    """The first `most` rows of the log, none later than `batch`; None if there are none."""
    last = run(
        connection,
        f"SELECT {BATCH}, {PLACE} FROM {touched_table(table)} WHERE {BATCH} <= {batch}"
        f" ORDER BY {BATCH}, {PLACE} LIMIT 1 OFFSET {most - 1}",
    ).rows
    end, place = (int(last[0][0]), int(last[0][1])) if last else (batch, None)
    rows = _rows_up_to(connection, table, _up_to(end, place))  # before: what goes then shows
    keys = _distinct(connection, table, _up_to(end, place))
    return LogSlice(end, place, keys, rows) if keys else None


def is_whole(connection: Connection, table: MigrationTable, taken: LogSlice) -> bool:
    """Whether nobody else has settled a part of the slice since it was taken."""
    return _rows_up_to(connection, table, taken.condition) == taken.rows


def _rows_up_to(connection: Connection, table: MigrationTable, condition: str) -> int:
    statement = f"SELECT COUNT(*) FROM {touched_table(table)} WHERE {condition}"
    return int(run(connection, statement).rows[0][0])


def touched_later(
    connection: Connection, table: MigrationTable, taken: LogSlice, batch: int
) -> list[Bound]:
    """The keys of a slice that batches later than `batch` have touched again."""
    names = ", ".join(exact_names(table.definition))
    later = f"SELECT {names} FROM {touched_table(table)} WHERE {BATCH} > {batch}"
    return _distinct(connection, table, f"{taken.condition} AND ({names}) IN ({later})")


def range_touched_later(
    connection: Connection, table: MigrationTable, keys: KeyRange, batch: int, most: int
) -> list[Bound]:
    """Up to `most` of the keys in `keys` that batches later than `batch` have touched."""
    condition = f"{BATCH} > {batch} AND {keys.condition(table.definition.key)}"
    return _distinct(connection, table, condition, f" LIMIT {most}")


def _distinct(
    connection: Connection, table: MigrationTable, condition: str, limit: str = ""
) -> list[Bound]:
    columns = order(table.definition.key)
    rows = run(
        connection,
        f"SELECT {key_literals(table.definition)} FROM {touched_table(table)}"
        f" WHERE {condition} GROUP BY {columns} ORDER BY {columns}{limit}",
    ).rows
    return [bound_from_row(row) for row in rows]


def forget_slice(connection: Connection, table: MigrationTable, taken: LogSlice) -> int:
    """Delete the rows of a slice that are still there; returns how many there were."""
    statement = f"DELETE FROM {touched_table(table)} WHERE {taken.condition}"
    return run(connection, statement).affected


def count_touched(connection: Connection, table: MigrationTable, most: int = COUNTED) -> int:
    """How many rows the log has; at most `most` are counted."""
    statement = f"SELECT COUNT(*) FROM (SELECT 1 FROM {touched_table(table)} LIMIT {most}) t"
    return int(run(connection, statement).rows[0][0])


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
    """An attempt ends; after an error the next one is not sent before `resend_s`.

    `errors`: how many more it makes in a row, 0 where a server was away; None: it ended without.
    """
    now = _attempt(table, attempt)
    if errors is None:
        ended = now.values(keys_sent_at=None, keys_failures=0)
    else:
        failures = migration_tables.c.keys_failures + errors
        ended = now.values(keys_sent_at=NOW, keys_failures=failures)
    connection.execute(ended)


def unsend_keys(connection: Connection, table: MigrationTable) -> None:
    """Have the message sent again: its worker must not do the work now."""
    connection.execute(_of(table).values(keys_sent_at=None))


def keys_failures(connection: Connection, table: MigrationTable) -> int:
    """How many attempts have ended in an error, in a row."""
    query = select(migration_tables.c.keys_failures).where(migration_tables.c.id == table.id)
    return int(connection.execute(query).scalar_one())


def _of(table: MigrationTable) -> Update:
    return update(migration_tables).where(migration_tables.c.id == table.id)


def _attempt(table: MigrationTable, attempt: int) -> Update:
    return _of(table).where(migration_tables.c.keys_attempt == attempt)
