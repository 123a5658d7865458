"""Statements on the parts of each cut-over attempt: how long each one took.

By the control server's clock, in the transactions that change the stage, so that no crash loses a
part: whoever goes on adds what comes after to it.
"""

from __future__ import annotations

from itertools import groupby

from sqlalchemy import Connection, func, literal, literal_column, select, update
from sqlalchemy.dialects.mysql import insert

from pipeline.control.schema import NOW, ago, cut_over_parts, migrations
from pipeline.domain.cut_over_parts import CutOverAttempt, Part, PartTime


def note_blocked_for(connection: Connection, migration_id: str, seconds: float) -> None:
    """Record that writes began to wait so many seconds ago; the intent was written before that."""
    connection.execute(
        update(migrations).where(migrations.c.id == migration_id).values(blocked_at=ago(seconds))
    )


def note_unblocked(connection: Connection, migration_id: str) -> None:
    """Record that writes go on; the last part has ended before."""
    connection.execute(
        update(migrations).where(migrations.c.id == migration_id).values(blocked_at=None)
    )


def end_part(connection: Connection, migration_id: str, part: Part) -> None:
    """Give `part` the time since the part before it has ended, if writes are blocked."""
    of_part = cut_over_parts.c
    earlier = (
        select(func.coalesce(func.sum(of_part.ms), 0))
        .where(of_part.migration_id == migrations.c.id, of_part.attempt == migrations.c.attempt)
        .scalar_subquery()
    )
    micros = func.timestampdiff(literal_column("MICROSECOND"), migrations.c.blocked_at, NOW)
    ended = select(
        migrations.c.id, migrations.c.attempt, literal(part, of_part.part.type),
        micros / 1000 - earlier,
    ).where(migrations.c.id == migration_id, migrations.c.blocked_at.is_not(None))  # fmt: skip
    statement = insert(cut_over_parts).from_select(["migration_id", "attempt", "part", "ms"], ended)
    connection.execute(statement.on_duplicate_key_update(ms=of_part.ms + statement.inserted.ms))


def read_attempts(connection: Connection, migration_id: str) -> tuple[CutOverAttempt, ...]:
    """The attempts of a migration to cut over, in order."""
    of_part = cut_over_parts.c
    query = select(of_part.attempt, of_part.part, of_part.ms).where(
        of_part.migration_id == migration_id
    )
    order = list(Part)
    rows = sorted(connection.execute(query), key=lambda row: (row.attempt, order.index(row.part)))
    return tuple(
        CutOverAttempt(attempt, tuple(PartTime(row.part, row.ms) for row in parts))
        for attempt, parts in groupby(rows, key=lambda row: row.attempt)
    )
