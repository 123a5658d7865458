"""Statements on hooks: one durable row for each, so that a run knows which attempt it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.mysql import insert

from pipeline.control.schema import NOW, hooks
from pipeline.domain.hook_names import Hook, HookStatus

_OUTPUT_CHARACTERS = 4000


@dataclass(frozen=True)
class HookRun:
    """The last run of one hook."""

    status: HookStatus
    age_s: float  # since it began or ended
    exit_code: int | None = None
    output: str | None = None

    @property
    def succeeded(self) -> bool:
        return self.status is HookStatus.SUCCEEDED

    @property
    def failed(self) -> bool:
        return self.status is HookStatus.FAILED

    @property
    def ended(self) -> bool:
        return self.status in (HookStatus.SUCCEEDED, HookStatus.FAILED)


def start_hook(connection: Connection, migration_id: str, name: Hook) -> int:
    """Record that a hook is about to run; returns its attempt number, 1 at first."""
    running = HookStatus.RUNNING
    connection.execute(
        insert(hooks)
        .values(migration_id=migration_id, name=name, status=running, attempt=1, changed_at=NOW)
        .on_duplicate_key_update(status=running, attempt=hooks.c.attempt + 1, changed_at=NOW)
    )
    attempt = select(hooks.c.attempt).where(_is(migration_id, name))
    return int(connection.execute(attempt).scalar_one())


def end_hook(
    connection: Connection, migration_id: str, name: Hook, exit_code: int, output: str
) -> None:
    connection.execute(
        update(hooks)
        .where(_is(migration_id, name))
        .values(
            status=HookStatus.SUCCEEDED if exit_code == 0 else HookStatus.FAILED,
            exit_code=exit_code,
            output=output[-_OUTPUT_CHARACTERS:],
            changed_at=NOW,
        )
    )


def last_run(connection: Connection, migration_id: str, name: Hook) -> HookRun | None:
    """The hook's last run; None if it never ran."""
    query = select(
        hooks.c.status, hooks.c.changed_at, NOW.label("now"), hooks.c.exit_code, hooks.c.output
    ).where(_is(migration_id, name))
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    age_s = (row.now - row.changed_at).total_seconds()
    return HookRun(row.status, age_s, row.exit_code, row.output)


def failed_hooks(connection: Connection, migration_id: str) -> tuple[Hook, ...]:
    """The hooks whose last run has failed."""
    query = select(hooks.c.name).where(
        hooks.c.migration_id == migration_id, hooks.c.status == HookStatus.FAILED
    )
    return tuple(connection.execute(query.order_by(hooks.c.name)).scalars())


def forget_hook(connection: Connection, migration_id: str, name: Hook) -> None:
    """Let a hook that runs once run once more; its attempts are still counted."""
    connection.execute(
        update(hooks).where(_is(migration_id, name)).values(status=HookStatus.FORGOTTEN)
    )


def _is(migration_id: str, name: Hook) -> Any:
    return (hooks.c.migration_id == migration_id) & (hooks.c.name == name)
