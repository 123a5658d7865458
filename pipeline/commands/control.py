"""What people ask of a migration: postpone, cut over, throttle, abort, resume, clean up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection

from pipeline.alter.convert_rows import drop_templates
from pipeline.commands.drop import drop_table
from pipeline.control.chunk_map import delete_chunks, drop_key_tables
from pipeline.control.claims import release_claims, written_by
from pipeline.control.events import log_event
from pipeline.control.index_builds import delete_build
from pipeline.control.leases import Lease, release_lease, take_lease
from pipeline.control.migration_tables import read_tables, take_documents_as_text
from pipeline.control.migrations import (
    allow_cut_over,
    ask_for_abort,
    change_request,
    forget_failure,
    mark_cleaned_up,
    postpone_migration,
    read_migration,
    transition,
)
from pipeline.control.stage_change import StageChange
from pipeline.control.throttles import set_manual
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import Migration, MigrationTable
from pipeline.domain.role import Role
from pipeline.domain.stages import ENDED, Stage, can_abort
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools
from pipeline.preflight.findings import Scope, refuse
from pipeline.preflight.registry import run_preflight
from pipeline.waiting import wait_until

_LEASE_WAIT_S = 15.0
_POLL_S = 0.1


def postpone(pools: Pools, target: str, migration_id: str, who: str) -> None:
    """Hold the cut-over back until `cut_over` is asked for.

    Raises:
        RefusedError: it is too late.
    """
    migration = _read(pools, target, migration_id)
    if migration.stage in (*ENDED, Stage.SWITCHING):
        raise RefusedError(
            f"Migration {migration_id} is {migration.stage}; it can't be postponed.",
            f"See: tranship status {migration_id}",
        )
    with pools.begin(target) as control:
        if not migration.postponed:
            postpone_migration(control, migration_id)
        log_event(control, migration_id, EventKind.CONTROL, "postponed", who)


def cut_over(pools: Pools, target: str, migration_id: str, who: str) -> None:
    """Let the cut-over happen as soon as the checksums have converged.

    Raises:
        RefusedError: the migration has ended or failed.
    """
    migration = _read(pools, target, migration_id)
    if migration.stage in (*ENDED, Stage.FAILED):
        raise RefusedError(
            f"Migration {migration_id} is {migration.stage}; there is nothing to cut over.",
            f"See: tranship status {migration_id}",
        )
    with pools.begin(target) as control:
        allow_cut_over(control, migration_id)
        log_event(control, migration_id, EventKind.CONTROL, "cut-over allowed", who)


def abort(pools: Pools, target: str, migration_id: str, who: str) -> None:
    """Ask for the migration's end; the coordinator gives the source its tables back.

    Raises:
        RefusedError: it is past the point of no return, or has ended.
    """
    migration = _read(pools, target, migration_id)
    if not can_abort(migration.stage):
        raise RefusedError(
            f"Migration {migration_id} is {migration.stage}; it can't be aborted any more.",
            f"See: tranship status {migration_id}",
        )
    with pools.begin(target) as control:
        ask_for_abort(control, migration_id)
        log_event(control, migration_id, EventKind.CONTROL, "abort asked for", who)
    if migration.stage is Stage.FAILED:
        change = StageChange(after_restore=Stage.ABORTED)
        with _coordinating(pools, target, migration_id, who) as lease, pools.begin(target) as ctl:
            transition(ctl, lease, Stage.FAILED, Stage.RESTORING, "abort was asked for", change)


def throttle(pools: Pools, target: str, migration_id: str, who: str) -> None:
    """Hold copy and verification back until `unthrottle`; effective within a second.

    Raises:
        RefusedError: the migration has ended.
    """
    _refuse_ended(_read(pools, target, migration_id))
    with pools.begin(target) as control:
        set_manual(control, migration_id, who)
        log_event(control, migration_id, EventKind.CONTROL, "throttled by hand", who)


def unthrottle(pools: Pools, target: str, migration_id: str, who: str) -> None:
    """Take back what `throttle` asked for; other signals still throttle.

    Raises:
        RefusedError: the migration has ended.
    """
    _refuse_ended(_read(pools, target, migration_id))
    with pools.begin(target) as control:
        set_manual(control, migration_id, None)
        log_event(control, migration_id, EventKind.CONTROL, "no longer throttled by hand", who)


def _refuse_ended(migration: Migration) -> None:
    if migration.stage in ENDED:
        raise RefusedError(
            f"Migration {migration.id} is {migration.stage}; it has ended.",
            f"See: tranship events {migration.id}",
        )


def resume(
    pools: Pools, target: str, migration_id: str, who: str, *, json_as_text: bool = False
) -> None:
    """Go on with a failed migration, from the stage in which it failed.

    `json_as_text` accepts, from now on, what documents become as text.

    Raises:
        RefusedError: it has ended, or preflight still finds a problem.
    """
    migration = _read(pools, target, migration_id)
    _refuse_ended(migration)
    if migration.stage is Stage.FAILED:
        refuse(run_preflight(pools, migration.request, Scope.RESUME))
    with _coordinating(pools, target, migration_id, who) as lease, pools.begin(target) as control:
        if json_as_text:
            _accept_documents_as_text(control, migration)
        forget_failure(control, migration_id)
        if migration.stage is Stage.FAILED:
            stage = migration.resume_stage or Stage.PREPARING
            change = StageChange(resume_stage=None)
            transition(control, lease, Stage.FAILED, stage, "resumed", change)
        else:
            log_event(control, migration_id, EventKind.CONTROL, "resumed", who)


def _accept_documents_as_text(control: Connection, migration: Migration) -> None:
    change_request(control, migration.id, replace(migration.request, json_as_text=True))
    for table in read_tables(control, migration.id):
        take_documents_as_text(control, table)


def clean_up(
    pools: Pools,
    target: str,
    migration_id: str,
    who: str,
    gently: Callable[[int], None] | None = None,
) -> list[str]:
    """Drop what an ended migration has left behind; returns what was dropped, in words.

    After a move or an alter these are the old tables, after an aborted move the target tables
    that the migration itself had created. With `gently` their rows are first deleted in batches;
    it is called with the number of deleted rows.

    Raises:
        RefusedError: it has not ended.
    """
    migration = _read(pools, target, migration_id)
    if migration.stage not in ENDED:
        raise RefusedError(
            f"Migration {migration_id} is {migration.stage}; only one that has ended can be"
            " cleaned up.",
            f"End it first: tranship abort {migration_id}",
        )
    # A second time could drop what a later migration has put under the same names.
    if migration.cleaned_at is not None:
        raise RefusedError(
            f"Migration {migration_id} has been cleaned up already.",
            "Tables that have those names now are not its own; check before you drop any by hand.",
        )
    with pools.begin(target) as control:
        tables = read_tables(control, migration_id)
        for table in tables:
            _refuse_if_written(control, migration, table)
    dropped = [_drop_leftover(pools, migration, table, gently) for table in tables]
    for table in tables:
        with pools.begin(target) as control:
            drop_key_tables(control, table)
            drop_templates(control, table)
        with pools.begin(target) as control:
            delete_chunks(control, table)
            delete_build(control, table)
    with pools.begin(target) as control:
        release_claims(control, migration_id)
        mark_cleaned_up(control, migration_id)
        log_event(control, migration_id, EventKind.CONTROL, "cleaned up", who)
    return [what for what in dropped if what]


def _refuse_if_written(control: Connection, migration: Migration, table: MigrationTable) -> None:
    """Refuse to drop an unfinished copy that was dropped by hand and is another's target now."""
    other = written_by(control, migration.target, table.target)
    if migration.stage is Stage.ABORTED and other is not None:
        raise RefusedError(
            f"{table.target} on {migration.target} is being written by migration {other}.",
            f"Wait until it has ended. See: tranship status {other}",
        )


def _drop_leftover(
    pools: Pools, migration: Migration, table: MigrationTable, gently: Callable[[int], None] | None
) -> str:
    if migration.stage is Stage.DONE:
        drop_table(pools, migration.source, table.retired_name, gently)
        return f"{table.retired_name} on {migration.source}"
    if table.created_by_us:
        drop_table(pools, migration.target, table.target, gently)
        return f"{table.target} on {migration.target}"
    return ""


def _read(pools: Pools, target: str, migration_id: str) -> Migration:
    with pools.begin(target) as control:
        return read_migration(control, migration_id)


@contextmanager
def _coordinating(pools: Pools, target: str, migration_id: str, who: str) -> Iterator[Lease]:
    """Hold the coordinator's role for one change of stage."""
    ttl_s = pools.settings.timeouts.lease_s

    def take() -> Lease | None:
        with pools.begin(target) as control:
            return take_lease(control, migration_id, Role.COORDINATE, who, ttl_s)

    lease = wait_until(take, _LEASE_WAIT_S, _POLL_S)
    if lease is None:
        raise RefusedError(f"Migration {migration_id} is busy.", "Try again in a moment.")
    try:
        yield lease
    finally:
        with pools.begin(target) as control:
            release_lease(control, lease)
