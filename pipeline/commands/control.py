"""What people ask of a migration: postpone, cut over, throttle, abort.

Each answer is given in the transaction that makes it true: the migration's row is locked, so no
coordinator changes the stage between the question and the record.
"""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.commands.coordinating import coordinating
from pipeline.control.events import log_event
from pipeline.control.migrations import (
    allow_cut_over,
    ask_for_abort,
    find_migration,
    lock_migration,
    note_roll_back_asked,
    postpone_migration,
    read_migration,
    transition,
)
from pipeline.control.stage_change import StageChange
from pipeline.control.throttles import read_throttle, set_manual
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import Migration
from pipeline.domain.request import MigrationKind
from pipeline.domain.stages import ENDED, MAY_BE_RETIRED, WRITES_BLOCKED, Stage, can_abort
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
        RefusedError: the migration has switched, has failed or is being aborted; or an attempt is
            being made, whose end may postpone the cut-over; or it takes back an alter that has not
            ended.
    """
    with pools.begin(target) as control:
        ask_for_cut_over(control, migration_id)
        allow_cut_over(control, migration_id)
        log_event(control, migration_id, EventKind.CONTROL, "cut-over allowed", who)


def ask_for_cut_over(control: Connection, migration_id: str) -> None:
    """Lock a migration that can still cut over. A way back no longer ends by itself after this.

    Raises:
        RefusedError: as in `cut_over`.
    """
    migration = lock_migration(control, migration_id)
    if migration.abort_asked or migration.stage in (*ENDED, Stage.SWITCHING, Stage.FAILED):
        now = "being aborted" if migration.abort_asked else migration.stage
        raise RefusedError(
            f"Migration {migration_id} is {now}; there is nothing to cut over.",
            f"See: tranship status {migration_id}",
        )
    if migration.stage in WRITES_BLOCKED:
        raise RefusedError(
            f"Migration {migration_id} is {migration.stage}: an attempt is made or undone.",
            f"Try again when it has ended; see: tranship status {migration_id}",
        )
    _refuse_before_its_alter(control, migration)
    note_roll_back_asked(control, migration)


def _refuse_before_its_alter(control: Connection, migration: Migration) -> None:
    """An alter that has not ended may still write to the table that it has swapped in."""
    back = migration.request.back
    if back is None or migration.kind is not MigrationKind.ALTER:
        return
    taken_back = find_migration(control, back.of)
    if taken_back is not None and taken_back.stage is not Stage.DONE:
        raise RefusedError(
            f"Migration {back.of} is {taken_back.stage}; only one that is done can be rolled back.",
            f"Wait until it is; see: tranship status {back.of}",
        )


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


def _read(pools: Pools, target: str, migration_id: str) -> Migration:
    with pools.begin(target) as control:
        return read_migration(control, migration_id)
