"""Statements on hooks: one durable row each, so that each run knows which attempt it is."""

from __future__ import annotations

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.mysql import insert

from pipeline.control.schema import NOW, hooks


def start_hook(connection: Connection, migration_id: str, name: str) -> int:
    """Record that a hook is about to run; its attempt number, 1 at first."""
    connection.execute(
        insert(hooks)
        .values(migration_id=migration_id, name=name, state="running", attempt=1, changed_at=NOW)
        .on_duplicate_key_update(state="running", attempt=hooks.c.attempt + 1, changed_at=NOW)
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
            state="succeeded" if exit_code == 0 else "failed",
            exit_code=exit_code,
            output=output[-4000:],
            changed_at=NOW,
        )
    )


def hook_succeeded(connection: Connection, migration_id: str, name: str) -> bool:
    state = connection.execute(
        select(hooks.c.state).where(hooks.c.migration_id == migration_id, hooks.c.name == name)
    ).scalar_one_or_none()
    return state == "succeeded"
