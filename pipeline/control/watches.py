"""Statements on how far the target's own binary log was searched for what others write there.

A migration without such a row is not watched: the target keeps no log that can be searched.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from pipeline.control.schema import NOW, watches
from pipeline.mysql.gtid import GtidSet


@dataclass(frozen=True)
class Watch:
    """`seen` was searched; `until`: executed before the application was told to write there."""

    seen: GtidSet
    searched_at: datetime
    until: GtidSet | None
    now: datetime

    @property
    def age_s(self) -> float:
        return (self.now - self.searched_at).total_seconds()


def begin_watch(connection: Connection, migration_id: str, seen: GtidSet) -> None:
    """From `seen` on, what others write counts; once only."""
    if find_watch(connection, migration_id) is None:
        connection.execute(
            watches.insert().values(migration_id=migration_id, seen=seen, searched_at=NOW)
        )


def find_watch(connection: Connection, migration_id: str) -> Watch | None:
    query = select(watches.c.seen, watches.c.searched_at, watches.c.until, NOW).where(
        watches.c.migration_id == migration_id
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Watch(*row)


def note_searched(connection: Connection, migration_id: str, seen: GtidSet) -> None:
    _update(connection, migration_id, seen=seen, searched_at=NOW)


def note_until(connection: Connection, migration_id: str, until: GtidSet) -> None:
    """What is executed later may be the application's; the first time counts."""
    _update(connection, migration_id, until=func.coalesce(watches.c.until, str(until)))


def end_watch(connection: Connection, migration_id: str) -> None:
    connection.execute(delete(watches).where(watches.c.migration_id == migration_id))


def _update(connection: Connection, migration_id: str, **values: Any) -> None:
    connection.execute(
        update(watches).where(watches.c.migration_id == migration_id).values(**values)
    )
