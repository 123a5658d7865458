"""What people ask of a migration: postpone, cut over, throttle, abort, clean up.

Each answer is given in the transaction that makes it true: the migration's row is locked, so no
coordinator changes the stage between the question and the record.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from pipeline.alter.convert_rows import drop_templates
from pipeline.commands.coordinating import coordinating
from pipeline.commands.drop import drop_table
from pipeline.control.chunk_map import delete_chunks, drop_key_tables
from pipeline.control.claims import release_claims, written_by
from pipeline.control.events import log_event
from pipeline.control.index_builds import delete_build
from pipeline.control.migration_tables import read_tables
from pipeline.control.migrations import (
    allow_cut_over,
    ask_for_abort,
    lock_migration,
    mark_cleaned_up,
    postpone_migration,
    read_migration,
    transition,
)
from pipeline.control.stage_change import StageChange
from pipeline.control.throttles import read_throttle, set_manual
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import Migration, MigrationTable
from pipeline.domain.stages import ENDED, MAY_BE_RETIRED, Stage, can_abort
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools


def postpone(pools: Pools, target: str, migration_id: str, who: str) -> None:
    """Hold the cut-over back until `cut_over` is asked for.

    Raises:
        RefusedError: it is too late, or an attempt is being made.
    """
    with pools.begin(target) as control:
        migration = lock_migration(control, migration_id)
        if migration.stage in (*ENDED, *MAY_BE_RETIRED - {Stage.RESTORING}):
            raise RefusedError(
                f"Migration {migration_id} is {migration.stage}; it can't be postponed.",
                f"See: tranship status {migration_id}",
            )
        if not migration.postponed:
            postpone_migration(control, migration_id)
        log_event(control, migration_id, EventKind.CONTROL, "postponed", who)


def cut_over(pools: Pools, target: str, migration_id: str, who: str) -> None:
    """Let the cut-over happen as soon as the checksums have converged.

    Raises:
        RefusedError: the migration has switched, has failed or is being aborted.
    """
    with pools.begin(target) as control:
        migration = lock_migration(control, migration_id)
        if migration.abort_asked or migration.stage in (*ENDED, Stage.SWITCHING, Stage.FAILED):
            now = "being aborted" if migration.abort_asked else migration.stage
            raise RefusedError(
                f"Migration {migration_id} is {now}; there is nothing to cut over.",
                f"See: tranship status {migration_id}",
            )
        allow_cut_over(control, migration_id)
        log_event(control, migration_id, EventKind.CONTROL, "cut-over allowed", who)


def abort(pools: Pools, target: str, migration_id: str, who: str) -> None:
    """Ask for the migration's end; the coordinator gives the source its tables back.

    Raises:
        RefusedError: it is past the point of no return, may be, or has ended.
    """
    with pools.begin(target) as control:
        stage = lock_migration(control, migration_id).stage
        if stage is not Stage.FAILED:
            _ask_for_abort(control, migration_id, stage, who)
            return
    with coordinating(pools, target, migration_id, who) as lease, pools.begin(target) as control:
        stage = lock_migration(control, migration_id).stage
        _ask_for_abort(control, migration_id, stage, who)
        if stage is Stage.FAILED:
            change = StageChange(after_restore=Stage.ABORTED)
            transition(control, lease, stage, Stage.RESTORING, "abort was asked for", change)


def _ask_for_abort(control: Connection, migration_id: str, stage: Stage, who: str) -> None:
    if stage is Stage.SWAPPING:
        raise RefusedError(
            f"Migration {migration_id} is swapping; the server has to say first whether the swap"
            " has happened.",
            "Try again in a moment.",
        )
    if not can_abort(stage):
        raise RefusedError(
            f"Migration {migration_id} is {stage}; it can't be aborted any more.",
            f"See: tranship status {migration_id}",
        )
    ask_for_abort(control, migration_id)
    log_event(control, migration_id, EventKind.CONTROL, "abort asked for", who)


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
        RefusedError: the migration has ended, or is not throttled by hand.
    """
    _refuse_ended(_read(pools, target, migration_id))
    with pools.begin(target) as control:
        if read_throttle(control, migration_id).manual is None:
            raise RefusedError(
                f"Migration {migration_id} is not throttled by hand.",
                f"What holds it back: tranship status {migration_id}",
            )
        set_manual(control, migration_id, None)
        log_event(control, migration_id, EventKind.CONTROL, "no longer throttled by hand", who)


def _refuse_ended(migration: Migration) -> None:
    if migration.stage in ENDED:
        raise RefusedError(
            f"Migration {migration.id} is {migration.stage}; it has ended.",
            f"See: tranship events {migration.id}",
        )


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
