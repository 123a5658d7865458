"""Statements on migrations. Only `transition` changes a stage; every other change has a name."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select, update

from pipeline.control.claims import claim, forget_copy
from pipeline.control.cut_over_parts import end_part
from pipeline.control.events import log_event
from pipeline.control.hooks import forget_hook
from pipeline.control.leases import Lease, fence
from pipeline.control.migration_tables import insert_table
from pipeline.control.schema import NOW, migrations
from pipeline.control.stage_change import NOTHING_ELSE, StageChange
from pipeline.domain.cut_over_parts import part_ended
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook
from pipeline.domain.migration import (
    DdlConnection,
    Failure,
    Migration,
    PlannedTable,
    RunningSearch,
)
from pipeline.domain.request import Request
from pipeline.domain.role import Role
from pipeline.domain.stages import ENDED, NOT_IF_ABORTED, Stage
from pipeline.errors import FencedError, RefusedError, RetryableError
from pipeline.mysql.flavours import identity


def create_migration(
    connection: Connection,
    request: Request,
    tables: Sequence[PlannedTable],
    who: str,
    source: str,
) -> str:
    """Record a migration and claim its tables, all or nothing; returns its id.

    `source` is the identity of the source's server.

    Raises:
        RefusedError: another migration holds one of the tables.
    """
    migration_id = secrets.token_hex(4)  # short enough to type, long enough never to meet another
    insert_migration(connection, migration_id, request, who, Stage.PREPARING)
    here = identity(connection)
    for ordinal, table in enumerate(tables):
        for server, name in ((source, table.definition.name), (here, table.target)):
            forget_copy(connection, server, name)  # preflight has found that it does not count
            claim(connection, migration_id, server, name)
        insert_table(connection, migration_id, ordinal, table)
    return migration_id


def insert_migration(
    connection: Connection, migration_id: str, request: Request, who: str, stage: Stage
) -> None:
    connection.execute(
        migrations.insert().values(
            id=migration_id, source=request.source, target=request.target, request=request,
            stage=stage, stage_since=NOW, postponed=request.postpone_cut_over,
            abort_asked=False, attempt=0, created_at=NOW, created_by=who,
        )
    )  # fmt: skip
    log_event(connection, migration_id, EventKind.CREATED, request.summary, who)


# --- reading --------------------------------------------------------------------------


def read_migration(connection: Connection, migration_id: str) -> Migration:
    """
    Raises:
        RefusedError: there is none of that id.
    """
    found = find_migration(connection, migration_id)
    if found is None:
        raise RefusedError(f"There is no migration {migration_id}.", "See: tranship list")
    return found


def lock_migration(connection: Connection, migration_id: str) -> Migration:
    """Like `read_migration`; its stage stays as it is until the transaction ends.

    Raises:
        RefusedError: there is none of that id.
    """
    query = select(migrations.c.id).where(migrations.c.id == migration_id).with_for_update()
    connection.execute(query)
    return read_migration(connection, migration_id)


def find_migration(connection: Connection, migration_id: str) -> Migration | None:
    row = connection.execute(_migrations().where(migrations.c.id == migration_id)).one_or_none()
    return Migration(**row._mapping) if row else None


def read_stage(connection: Connection, migration_id: str) -> Stage:
    """The stage of a migration that is known to be there."""
    query = select(migrations.c.stage).where(migrations.c.id == migration_id)
    return Stage(connection.execute(query).scalar_one())


def all_migrations(connection: Connection, target: str) -> list[Migration]:
    """The migrations of `target`; a replica of it has copies, and so has a second name for it."""
    query = _migrations().where(migrations.c.target == target).order_by(migrations.c.created_at)
    return [Migration(**row._mapping) for row in connection.execute(query)]


def _migrations() -> Select[Any]:
    return select(migrations, NOW.label("now"))


def active_ids(connection: Connection, target: str) -> list[str]:
    """Migrations of `target` that `advance` has something to do for.

    A replica of a target has a copy of its control schema, which is not to be touched.
    """
    inactive = (*ENDED, Stage.FAILED)
    query = select(migrations.c.id).where(
        migrations.c.stage.not_in(inactive), migrations.c.target == target
    )
    return list(connection.execute(query).scalars())


# --- changing -------------------------------------------------------------------------


def transition(
    connection: Connection,
    held: Lease,
    old: Stage,
    new: Stage,
    message: str,
    change: StageChange = NOTHING_ELSE,
) -> None:
    """Move a migration from stage `old` to `new`, under the coordinator's lease.

    Raises:
        FencedError: it is no longer in `old`, or the lease is no longer ours.
        RetryableError: a person was told that this would not happen.
    """
    fence(connection, held)
    _refuse_against_wish(lock_migration(connection, held.migration_id), old, new)
    ended = part_ended(old, new)
    if ended is not None:
        end_part(connection, held.migration_id, ended)
    matched = connection.execute(
        update(migrations)
        .where(migrations.c.id == held.migration_id, migrations.c.stage == old)
        .values(stage=new, stage_since=NOW, **change.values())
    )
    if matched.rowcount != 1:
        raise FencedError(f"Migration {held.migration_id} is no longer {old}.")
    what = f"{old} → {new}: {message}"
    log_event(connection, held.migration_id, EventKind.STAGE, what, held.owner)


def _refuse_against_wish(now: Migration, old: Stage, new: Stage) -> None:
    # An alter that is swapping accepts no abort, and may have swapped.
    if now.abort_asked and new in NOT_IF_ABORTED and old is not Stage.SWAPPING:
        raise RetryableError("An abort was asked for meanwhile.")
    if now.postponed and new is Stage.BLOCKING:
        raise RetryableError("The cut-over was postponed meanwhile.")
    if _closes_in_vain(now, old, new):
        raise RetryableError("The roll-back was asked for meanwhile.")


def _closes_in_vain(now: Migration, old: Stage, new: Stage) -> bool:
    """Whether a way back would end since its time is over, though somebody has asked for it."""
    back = now.request.back
    asked = back is not None and back.asked and not now.abort_asked and now.failure is None
    return asked and (old, new) == (Stage.READY, Stage.RESTORING)


def record_failure(connection: Connection, migration_id: str, failure: Failure) -> None:
    """Note why a migration can't go on; the coordinator acts on it. The first one stays.

    In SWITCHING only the coordinator has work: what stops a late process of another role does not
    concern a target that is the truth.
    """
    closed = [*ENDED, Stage.FAILED]
    if failure.role is not Role.COORDINATE:
        closed.append(Stage.SWITCHING)
    matched = connection.execute(
        update(migrations)
        .where(
            migrations.c.id == migration_id,
            migrations.c.failure.is_(None),
            migrations.c.stage.not_in(closed),
        )
        .values(failure=failure)
    )
    if matched.rowcount:
        text = f"{failure.explanation} {failure.remedy}"
        log_event(connection, migration_id, EventKind.FAILURE, text, failure.role)


def record_obstacle(connection: Connection, migration_id: str, found: Failure) -> None:
    """Like `record_failure`, in RESTORING: what has led there stays, with what keeps it there."""
    failure = lock_migration(connection, migration_id).failure
    if failure is None:
        record_failure(connection, migration_id, found)
    elif failure.to_fix_first.explanation != found.explanation:
        _update(connection, migration_id, failure=replace(failure, obstacle=found))
        text = f"{found.explanation} {found.remedy}"
        log_event(connection, migration_id, EventKind.FAILURE, text, found.role)


def forget_obstacle(connection: Connection, migration: Migration) -> None:
    """The source has its tables back; what has led to that stays."""
    if migration.failure is not None and migration.failure.obstacle is not None:
        _update(connection, migration.id, failure=replace(migration.failure, obstacle=None))


def forget_failure(connection: Connection, migration_id: str) -> None:
    """Take a failure back, because a person says that its cause is gone; it goes on at once."""
    _update(connection, migration_id, failure=None, retry_at=None)


def change_request(connection: Connection, migration_id: str, request: Request) -> None:
    """Change what is asked for, from now on."""
    _update(connection, migration_id, request=request)


def ask_for_abort(connection: Connection, migration_id: str) -> None:
    _update(connection, migration_id, abort_asked=True)


def postpone_migration(connection: Connection, migration_id: str) -> None:
    """Hold the cut-over back; the hook that is told of it will be, again if need be."""
    _update(connection, migration_id, postponed=True)
    forget_hook(connection, migration_id, Hook.BEGIN_POSTPONED)


def note_roll_back_asked(connection: Connection, migration: Migration) -> None:
    """Record that somebody has asked for the roll-back that a way back is, if it is one."""
    request, back = migration.request, migration.request.back
    if back is not None and not back.asked:
        asked = replace(request, back=replace(back, asked=True))
        change_request(connection, migration.id, asked)


def allow_cut_over(connection: Connection, migration_id: str) -> None:
    """Let the cut-over begin as soon as it can, without a wait after the last attempt."""
    _update(connection, migration_id, postponed=False, retry_at=None)


def retry_not_before(connection: Connection, migration_id: str, moment: datetime) -> None:
    _update(connection, migration_id, retry_at=moment)


def note_rename_connection(connection: Connection, migration_id: str, number: int | None) -> None:
    """Record the only connection that may rename; None: no connection may (I7)."""
    _update(connection, migration_id, rename_connection=number)


def note_ddl_connection(
    connection: Connection, migration_id: str, noted: DdlConnection | None
) -> None:
    """Record the only connection that may send DDL; None: no connection may (I7)."""
    _update(connection, migration_id, ddl_connection=noted)


def note_log_search(connection: Connection, migration_id: str, noted: RunningSearch | None) -> None:
    """Record how far the search of a binary log is; None: none is going on."""
    _update(connection, migration_id, log_search=noted)


def forget_lock_connection(connection: Connection, migration_id: str) -> None:
    """Record that the lock connection is gone, and its lock with it."""
    _update(connection, migration_id, lock_connection=None)


def mark_cleaned_up(connection: Connection, migration_id: str) -> None:
    """Record that what it left behind has been dropped."""
    _update(connection, migration_id, cleaned_at=NOW)


def _update(connection: Connection, migration_id: str, **values: Any) -> None:
    connection.execute(update(migrations).where(migrations.c.id == migration_id).values(**values))
