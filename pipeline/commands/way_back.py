"""Takes the way back of a migration, or closes it.

`roll_back` lets it cut over, which its coordinator does like any other cut-over; or it holds that
back until `cut-over`, and then the way back does not end with its time. A clean-up of the
migration ends it first: the tables that it fills are about to be dropped.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from pipeline.alter.temporary import drop_templates
from pipeline.commands.control import ask_for_cut_over
from pipeline.commands.coordinating import coordinating
from pipeline.commands.settings import change_in
from pipeline.control.claims import release_claims
from pipeline.control.events import log_event
from pipeline.control.install import is_installed
from pipeline.control.leases import Lease
from pipeline.control.migration_tables import read_tables
from pipeline.control.migrations import (
    allow_cut_over,
    find_migration,
    lock_migration,
    postpone_migration,
    read_migration,
    transition,
)
from pipeline.control.shut_out import shut_out
from pipeline.control.stage_change import StageChange
from pipeline.control.way_back import forget_way_back
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import Migration
from pipeline.domain.stages import ENDED, Stage, can_abort
from pipeline.domain.way_back import way_back_id
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools

CleanUp = Callable[[Pools, str, str, str], list[str]]
_STANDS = frozenset({Stage.CONVERGING, Stage.READY, Stage.FAILED})


def find_way_back(pools: Pools, migration: Migration) -> Migration | None:
    """The way back of a migration, if it was recorded; it is on the migration's source.

    Raises:
        RetryableError: that server does not answer.
    """
    with pools.begin(migration.source) as old:
        if not is_installed(old, migration.source):
            return None
        return find_migration(old, way_back_id(migration.id))


def standing_way_back(pools: Pools, target: str, migration_id: str) -> Migration:
    """The way back that stands open, named by its own id or by that of what it takes back.

    Raises:
        RefusedError: there is none.
    """
    with pools.begin(target) as control:
        migration = read_migration(control, migration_id)
    if migration.stage is not Stage.DONE:
        if migration.request.back is not None:
            return _standing(migration, migration)
        raise RefusedError(
            f"Migration {migration.id} is {migration.stage}; only one that is done can be rolled"
            " back.",
            _until_then(migration),
        )
    found = find_way_back(pools, migration)
    if found is None:
        raise RefusedError(
            f"Migration {migration.id} has no way back.",
            f"A start asks for one with `way_back_s=`; see: tranship events {migration.id}",
        )
    return _standing(migration, found)


def _until_then(migration: Migration) -> str:
    if can_abort(migration.stage):
        return f"To end it: tranship abort {migration.id}"
    if migration.stage in ENDED:
        return f"See: tranship events {migration.id}"
    return f"Wait until it is done; see: tranship status {migration.id}"


def _standing(migration: Migration, found: Migration) -> Migration:
    if found.stage is Stage.DONE:
        raise RefusedError(
            f"Migration {migration.id} has been rolled back, by {found.id}.",
            f"To take that back: tranship roll-back {found.id}",
        )
    if found.stage is Stage.ABORTED:
        raise RefusedError(
            f"The way back of {migration.id} was closed at {found.stage_since:%Y-%m-%d %H:%M:%S}"
            " UTC.",
            f"See: tranship events {found.id}. Another move goes in the other direction.",
        )
    return found


def roll_back(
    pools: Pools,
    target: str,
    migration_id: str,
    who: str,
    window: str | None = None,
    *,
    postponed: bool = False,
) -> Migration:
    """Let the way back of a migration cut over as soon as it can; returns the way back.

    `window`: only in these hours. `postponed`: only once `cut_over` is asked for.

    Raises:
        RefusedError: it has none, or that has ended, has failed, or is cutting over.
    """
    found = standing_way_back(pools, target, migration_id)
    with pools.begin(found.target) as control:
        ask_for_cut_over(control, found.id)
        if window is not None:
            change_in(control, found.id, "cut_over_window", window, who)
        if postponed:
            postpone_migration(control, found.id)
        else:
            allow_cut_over(control, found.id)
        what = "the roll-back is asked for, and postponed" if postponed else "cut-over allowed"
        log_event(control, found.id, EventKind.CONTROL, what, who)
    return found


def close_way_back(pools: Pools, migration: Migration, who: str, clean_up: CleanUp) -> list[str]:
    """End the way back of a migration that is about to be cleaned up, and clean it up, too.

    One that has been taken stays: what it has left behind is its own.

    Raises:
        RefusedError: it is being taken just now.
    """
    found = find_way_back(pools, migration)
    if found is None:
        with pools.begin(migration.source) as old:
            if is_installed(old, migration.source):
                _forget(old, way_back_id(migration.id))
        return []
    if found.stage is Stage.DONE or found.cleaned_at is not None:
        return []
    if found.stage not in ENDED:
        with (
            coordinating(pools, found.target, found.id, who) as lease,
            pools.begin(found.target) as control,
        ):
            _end(control, lease, lock_migration(control, found.id), migration.id)
    return clean_up(pools, found.target, found.id, who)


def _forget(old: Connection, never_recorded: str) -> None:
    for table in read_tables(old, never_recorded):
        drop_templates(old, table)
    forget_way_back(old, never_recorded)


def _end(control: Connection, lease: Lease, found: Migration, of: str) -> None:
    if found.stage in ENDED:
        return
    back = found.request.back
    asked_for = found.stage is not Stage.FAILED and back is not None and back.asked
    if found.stage not in _STANDS or asked_for:
        raise RefusedError(
            f"Migration {of} is being rolled back: {found.id} is {found.stage}.",
            f"Wait until it is done, or first: tranship abort {found.id}",
        )
    why = f"{of} is cleaned up"
    change = StageChange(after_restore=Stage.ABORTED)
    transition(control, lease, found.stage, Stage.RESTORING, why, change)
    ended = StageChange(after_restore=None)
    transition(control, lease, Stage.RESTORING, Stage.ABORTED, why, ended)
    shut_out(control, found.id, read_tables(control, found.id))
    release_claims(control, found.id)
