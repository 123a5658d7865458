"""Statements on throttles, and on the heartbeat that shows a replica's lag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, or_, select, update
from sqlalchemy.dialects.mysql import insert

from pipeline.control.schema import NOW, ago, heartbeat, throttles
from pipeline.domain.reading import Reading, asked_for_by
from pipeline.errors import RetryableError

_ONLY = 1


@dataclass(frozen=True)
class ThrottleState:
    """What holds a migration back. `window`: how many chunks may be in flight; None: no limit.

    `slowed_since`: the stream has lagged, and the window is not back at its most. `slowing_noted`:
    the event log says so. `gives_way`: others used the source when it was assessed, so workers
    pause after each chunk. `caught_up_at`: when nothing was missing on the target, by the source's
    clock.
    """

    manual: str | None = None  # who asked for it
    reasons: tuple[Reading, ...] = ()  # those over their limits
    since: datetime | None = None
    window: int | None = None
    overrides: dict[str, float] = field(default_factory=dict)
    slowed_since: datetime | None = None
    slowing_noted: bool = False
    gives_way: bool = False
    caught_up_at: float | None = None

    @property
    def slowed(self) -> bool:
        return self.slowed_since is not None

    def windows(self, most: int, tables: int) -> list[int]:
        """How many chunks of each of `tables` tables may be in flight, where `most` are allowed.

        While it is slowed down, they share one window: one chunk for each table would be many.
        """
        window = min(most, self.window or most)
        if not self.slowed:
            return [window] * tables
        each, more = divmod(window, max(1, tables))
        return [each + (number < more) for number in range(tables)]

    @property
    def throttled(self) -> bool:
        return bool(self.all_reasons)

    @property
    def all_reasons(self) -> tuple[Reading, ...]:
        """All reasons, a person's first: only a person takes it back."""
        by_hand = (asked_for_by(self.manual),) if self.manual else ()
        return (*by_hand, *self.reasons)


def read_throttle(connection: Connection, migration_id: str) -> ThrottleState:
    row = connection.execute(
        select(throttles).where(throttles.c.migration_id == migration_id)
    ).one_or_none()
    if row is None:
        return ThrottleState()
    noted = row.slowed_since is not None and row.slowed_since == row.slowing_noted_at
    return ThrottleState(
        row.manual, row.reasons or (), row.since, row.window, row.overrides or {},
        row.slowed_since, noted, bool(row.gives_way), row.caught_up_at,
    )  # fmt: skip


def throttle_is_due(connection: Connection, migration_id: str, every_s: float) -> bool:
    """Whether the signals have to be read again."""
    row = connection.execute(
        select(throttles.c.checked_at >= ago(every_s)).where(
            throttles.c.migration_id == migration_id
        )
    ).one_or_none()
    return row is None or not row[0]


def record_assessment(
    connection: Connection,
    migration_id: str,
    reasons: Sequence[Reading],
    window: int,
    *,
    slowed: bool = False,
    gives_way: bool = False,
    caught_up_at: float | None = None,
) -> None:
    """Record what holds it back now, since when, and how many chunks may be in flight."""
    since = func.coalesce(throttles.c.since, NOW) if reasons else None
    slowed_since = func.coalesce(throttles.c.slowed_since, NOW) if slowed else None
    _change(
        connection, migration_id, reasons=tuple(reasons), window=window, checked_at=NOW,
        since=since, slowed_since=slowed_since, gives_way=gives_way, caught_up_at=caught_up_at,
    )  # fmt: skip


def note_slowing(connection: Connection, migration_id: str, every_s: float) -> bool:
    """Whether the event log is to say that it is slowed down: not more than once in `every_s`."""
    noted_at = throttles.c.slowing_noted_at
    noted = connection.execute(
        update(throttles)
        .where(throttles.c.migration_id == migration_id)
        .where(or_(noted_at.is_(None), noted_at < ago(every_s)))
        .values(slowing_noted_at=throttles.c.slowed_since)
    )
    return bool(noted.rowcount)


def set_manual(connection: Connection, migration_id: str, who: str | None) -> None:
    """Throttle by hand, or, with None, no longer."""
    _change(connection, migration_id, manual=who)


def set_override(connection: Connection, migration_id: str, name: str, value: float | None) -> None:
    """Change a setting for this migration alone; None: the configuration's applies again."""
    overrides = {**read_throttle(connection, migration_id).overrides, name: value}
    kept = {key: one for key, one in overrides.items() if one is not None}
    _change(connection, migration_id, overrides=kept)


def _change(connection: Connection, migration_id: str, **values: Any) -> None:
    connection.execute(
        insert(throttles)
        .values(migration_id=migration_id)
        .on_duplicate_key_update(migration_id=migration_id)
    )
    connection.execute(
        update(throttles).where(throttles.c.migration_id == migration_id).values(**values)
    )


def write_heartbeat(connection: Connection) -> None:
    """Write the present time where replicas will see it."""
    connection.execute(insert(heartbeat).values(id=_ONLY, at=NOW).on_duplicate_key_update(at=NOW))


def heartbeat_age_s(target: Connection, replica: Connection) -> float:
    """The age of the heartbeat that has reached `replica`, by the target's clock.

    Raises:
        RetryableError: no heartbeat has arrived there yet.
    """
    now = target.execute(select(NOW)).scalar_one()
    at = replica.execute(select(heartbeat.c.at).where(heartbeat.c.id == _ONLY)).scalar_one_or_none()
    if at is None:
        raise RetryableError("no heartbeat has arrived there yet")
    return max(0.0, float((now - at).total_seconds()))
