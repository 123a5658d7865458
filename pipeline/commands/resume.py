"""Goes on with a migration that has stopped, or whose hook fails; it may change what stopped it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from pipeline.commands.coordinating import coordinating
from pipeline.control.chunk_checks import forget_check_failures
from pipeline.control.chunks import forget_failures
from pipeline.control.events import log_event
from pipeline.control.hooks import last_run
from pipeline.control.index_builds import forget_attempts
from pipeline.control.leases import Lease
from pipeline.control.migration_tables import read_tables, take_documents_as_text
from pipeline.control.migrations import (
    change_request,
    forget_failure,
    lock_migration,
    read_migration,
    transition,
)
from pipeline.control.stage_change import StageChange
from pipeline.control.touched_keys import forget_keys_failures
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook
from pipeline.domain.migration import Migration
from pipeline.domain.request import Request
from pipeline.domain.stages import ENDED, Stage
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools
from pipeline.preflight.findings import Scope, refuse
from pipeline.preflight.registry import run_preflight


@dataclass(frozen=True)
class Changes:
    """What is to be different from now on."""

    json_as_text: bool = False  # documents become what their text says
    hooks: Mapping[Hook, str] = field(default_factory=dict)  # other commands
    skip: Collection[Hook] = ()  # hooks that are not to run any more

    @property
    def any(self) -> bool:
        return bool(self.json_as_text or self.hooks or self.skip)

    def applied_to(self, request: Request) -> Request:
        """
        Raises:
            RefusedError: there is no such hook to be skipped.
        """
        for name in self.skip:
            if name not in request.hooks:
                raise RefusedError(f"There is no hook {name} to be skipped.", "Check its name.")
        kept = {name: one for name, one in request.hooks.items() if name not in self.skip}
        as_text = request.json_as_text or self.json_as_text
        return replace(request, hooks={**kept, **self.hooks}, json_as_text=as_text)

    @property
    def said(self) -> list[str]:
        return [f"hook {name} is skipped from now on" for name in self.skip] + [
            f"hook {name} is replaced by: {command}" for name, command in self.hooks.items()
        ]


NO_CHANGES = Changes()


def resume(
    pools: Pools, target: str, migration_id: str, who: str, changes: Changes = NO_CHANGES
) -> None:
    """Go on from the stage in which a migration failed; or try at once again what is waited for.

    Raises:
        RefusedError: there is nothing to resume, a resume can't help, or preflight still finds a
            problem.
    """
    with pools.begin(target) as control:
        migration = read_migration(control, migration_id)
        _refuse_useless(control, migration, changes)
    if migration.stage is Stage.FAILED:
        refuse(run_preflight(pools, migration.request, Scope.RESUME))
    with coordinating(pools, target, migration_id, who) as lease, pools.begin(target) as control:
        migration = lock_migration(control, migration_id)
        _refuse_useless(control, migration, changes)
        _change(control, migration, changes, who)
        _go_on(control, migration, lease, who)


def _refuse_useless(control: Connection, migration: Migration, changes: Changes) -> None:
    _refuse_ended(migration)
    _refuse_before_failed(migration)
    failure = migration.failure
    # There is no way back from SWITCHING: whatever has failed, a hook can be skipped or replaced.
    must_go_on = migration.stage is Stage.SWITCHING
    if failure is not None and not failure.resumable and not must_go_on:
        raise RefusedError(
            f"Migration {migration.id} can't be resumed: {failure.explanation}",
            f"Start again, after: tranship abort {migration.id}",
        )
    has_failed = failure is not None or migration.stage is Stage.FAILED
    if not has_failed and not changes.any and not _hook_fails(control, migration):
        raise RefusedError(
            f"Migration {migration.id} is {migration.stage}; it has not failed.",
            f"What it waits for: tranship status {migration.id}",
        )


def _refuse_ended(migration: Migration) -> None:
    if migration.stage in ENDED:
        raise RefusedError(
            f"Migration {migration.id} is {migration.stage}; it has ended.",
            f"See: tranship events {migration.id}",
        )
    if migration.abort_asked:
        raise RefusedError(
            f"Migration {migration.id} is being aborted.", f"See: tranship status {migration.id}"
        )


def _refuse_before_failed(migration: Migration) -> None:
    """What the failure has led to is on its way, and would come without the failure."""
    if migration.stage is Stage.RESTORING and migration.after_restore is Stage.FAILED:
        raise RefusedError(
            f"Migration {migration.id} is restoring; it can be resumed once it has failed.",
            f"What it waits for: tranship status {migration.id}",
        )


def _hook_fails(control: Connection, migration: Migration) -> bool:
    last = last_run(control, migration.id, Hook.ON_SUCCESS)
    return migration.stage is Stage.SWITCHING and last is not None and last.failed


def _change(control: Connection, migration: Migration, changes: Changes, who: str) -> None:
    if changes.any:
        change_request(control, migration.id, changes.applied_to(migration.request))
    if changes.json_as_text:
        for table in read_tables(control, migration.id):
            take_documents_as_text(control, table)
    for what in changes.said:
        log_event(control, migration.id, EventKind.CONTROL, what, who)


def _go_on(control: Connection, migration: Migration, lease: Lease, who: str) -> None:
    forget_failure(control, migration.id)
    for table in read_tables(control, migration.id):
        forget_failures(control, table)
        forget_check_failures(control, table)
        forget_keys_failures(control, table)
        forget_attempts(control, table)
    if migration.stage is Stage.FAILED:
        stage = migration.resume_stage or Stage.PREPARING
        change = StageChange(resume_stage=None)
        transition(control, lease, Stage.FAILED, stage, "resumed", change)
    else:
        log_event(control, migration.id, EventKind.CONTROL, "resumed", who)
