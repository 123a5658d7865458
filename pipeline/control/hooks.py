"""Statements on hooks: one durable row each, so that each run knows which attempt it is."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.mysql import insert

from pipeline.control.schema import NOW, hooks

RUNNING, SUCCEEDED, FAILED, FORGOTTEN = "running", "succeeded", "failed", "forgotten"


@dataclass(frozen=True)
class HookState:
    """The row of one hook."""

    state: str
    age_s: float  # since it began or ended

    @property
    def succeeded(self) -> bool:
        return self.state == SUCCEEDED

    @property
    def ended(self) -> bool:
        return self.state in (SUCCEEDED, FAILED)


def start_hook(connection: Connection, migration_id: str, name: str) -> int:
    """Record that a hook is about to run; its attempt number, 1 at first."""
    connection.execute(
        insert(hooks)
        .values(migration_id=migration_id, name=name, state=RUNNING, attempt=1, changed_at=NOW)
        .on_duplicate_key_update(state=RUNNING, attempt=hooks.c.attempt + 1, changed_at=NOW)
    )
    return int(
        connection.execute(
            select(hooks.c.attempt).where(
                hooks.c.migration_id == migration_id, hooks.c.name == name
            )
        ).scalar_one()
    )


def end_hook(
    connection: Connection, migration_id: str, name: str, exit_code: int, output: str
) -> None:
    connection.execute(
        update(hooks)
        .where(hooks.c.migration_id == migration_id, hooks.c.name == name)
        .values(
            state=SUCCEEDED if exit_code == 0 else FAILED,
            exit_code=exit_code,
            output=output[-4000:],
            changed_at=NOW,
        )
    )


def hook_state(connection: Connection, migration_id: str, name: str) -> HookState | None:
    """How the hook's last run ended; None if it never ran."""
    row = connection.execute(
        select(hooks.c.state, hooks.c.changed_at, NOW).where(
            hooks.c.migration_id == migration_id, hooks.c.name == name
        )
    ).one_or_none()
    return None if row is None else HookState(row[0], (row[2] - row[1]).total_seconds())


def forget_hook(connection: Connection, migration_id: str, name: str) -> None:
    """Let a hook that runs once run once more; its attempts go on being counted."""
    connection.execute(
        update(hooks)
        .where(hooks.c.migration_id == migration_id, hooks.c.name == name)
        .values(state=FORGOTTEN)
    )
