"""The event log: what happened to a migration, in order, for people."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from pipeline.control.schema import NOW, events
from pipeline.domain.event_kind import EventKind

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoggedEvent:
    """One line of the event log."""

    id: int
    at: datetime
    kind: EventKind
    message: str
    by: str


def log_event(
    connection: Connection, migration_id: str, kind: EventKind, message: str, by: str
) -> None:
    """Add one row to the event log, and one line to this process's log.

    The line is written before the commit; where the two differ, the event log is right.
    """
    log.log(kind.level, "%s: %s", kind, message)
    connection.execute(
        events.insert().values(migration_id=migration_id, at=NOW, kind=kind, message=message, by=by)
    )


def read_events(
    connection: Connection, migration_id: str, *, after: int = 0, limit: int = 1000
) -> list[LoggedEvent]:
    """Up to `limit` events later than event `after`, oldest first."""
    query = _events(migration_id).where(events.c.id > after).order_by(events.c.id).limit(limit)
    return [LoggedEvent(*row) for row in connection.execute(query)]


def last_events(connection: Connection, migration_id: str, limit: int) -> list[LoggedEvent]:
    """The newest events, oldest first."""
    query = _events(migration_id).order_by(events.c.id.desc()).limit(limit)
    return [LoggedEvent(*row) for row in connection.execute(query)][::-1]


def last_alarm(connection: Connection, migration_id: str) -> str | None:
    """What somebody has to look at, if anything."""
    alarms = _events(migration_id).where(events.c.kind == EventKind.ALARM)
    row = connection.execute(alarms.order_by(events.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else str(row.message)


def _events(migration_id: str) -> Select[Any]:
    columns = (events.c.id, events.c.at, events.c.kind, events.c.message, events.c.by)
    return select(*columns).where(events.c.migration_id == migration_id)
