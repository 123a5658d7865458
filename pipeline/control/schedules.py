"""Statements on schedules: when a migration is to be started, and how its last run went.

`next_due` makes a run happen only once: whoever starts it moves `next_due` on in the transaction
that records the migration, and only if it is still what was read. Of two that try, one finds that
it has moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from pipeline.control.schema import NOW, schedules
from pipeline.domain.request import Request

STARTED = "started"
_NOT_YET = "not started yet: "


@dataclass(frozen=True)
class Schedule:
    """One schedule. `next_due` counts for nothing while it is paused."""

    id: str
    target: str
    cron: str
    zone: str
    request: Request
    paused: bool
    next_due: datetime
    last_due: datetime | None
    last_outcome: str | None  # or why the run that is due has not started yet
    migration_id: str | None  # which the last run has started
    created_by: str
    now: datetime

    @property
    def not_started(self) -> bool:
        """Whether the last run could not start, or was missed."""
        return self.last_outcome not in (None, STARTED) and not self.waits

    @property
    def waits(self) -> bool:
        """Whether the run that is due has been tried, and can't start yet."""
        return self.last_outcome is not None and self.last_outcome.startswith(_NOT_YET)


_COLUMNS = (
    schedules.c.id, schedules.c.target, schedules.c.cron, schedules.c.zone, schedules.c.request,
    schedules.c.paused, schedules.c.next_due, schedules.c.last_due, schedules.c.last_outcome,
    schedules.c.migration_id, schedules.c.created_by, NOW.label("now"),
)  # fmt: skip


def insert_schedule(connection: Connection, new: Schedule) -> None:
    connection.execute(
        schedules.insert().values(
            id=new.id, target=new.target, cron=new.cron, zone=new.zone, request=new.request,
            paused=new.paused, next_due=new.next_due, created_at=NOW, created_by=new.created_by,
        )
    )  # fmt: skip


def read_schedules(connection: Connection, target: str) -> list[Schedule]:
    """The schedules of `target`; a replica of it has copies of them, which are not its own."""
    query = select(*_COLUMNS).where(schedules.c.target == target).order_by(schedules.c.created_at)
    return [Schedule(**row._mapping) for row in connection.execute(query)]


def due_schedules(connection: Connection, target: str) -> list[Schedule]:
    query = select(*_COLUMNS).where(
        schedules.c.target == target, schedules.c.paused.is_(False), schedules.c.next_due <= NOW
    )
    return [Schedule(**row._mapping) for row in connection.execute(query)]


def take_run(
    connection: Connection,
    due: Schedule,
    next_due: datetime,
    outcome: str,
    migration_id: str | None = None,
) -> bool:
    """Move on from the run that is due; False if somebody else has."""
    taken = connection.execute(
        update(schedules)
        .where(
            schedules.c.id == due.id,
            schedules.c.next_due == due.next_due,
            schedules.c.paused.is_(False),
        )
        .values(
            next_due=next_due, last_due=due.next_due, last_outcome=outcome,
            migration_id=migration_id or due.migration_id,
        )
    )  # fmt: skip
    return bool(taken.rowcount == 1)


def note_not_yet(connection: Connection, due: Schedule, why: str) -> None:
    """Note why the run that is due can't start yet, unless somebody has moved on from it."""
    connection.execute(
        update(schedules)
        .where(schedules.c.id == due.id, schedules.c.next_due == due.next_due)
        .values(last_outcome=f"{_NOT_YET}{why}")
    )


def set_paused(
    connection: Connection, schedule_id: str, *, paused: bool, next_due: datetime
) -> None:
    connection.execute(
        update(schedules)
        .where(schedules.c.id == schedule_id)
        .values(paused=paused, next_due=next_due)
    )


def note_started(connection: Connection, schedule_id: str, migration_id: str) -> None:
    """It was started, at a time that is not its own."""
    connection.execute(
        update(schedules)
        .where(schedules.c.id == schedule_id)
        .values(migration_id=migration_id, last_outcome=STARTED)
    )


def delete_schedule(connection: Connection, schedule_id: str) -> None:
    connection.execute(delete(schedules).where(schedules.c.id == schedule_id))
