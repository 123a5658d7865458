"""Gives the source its tables back: after a time-out, an abort or a failure."""

from __future__ import annotations

from pipeline.control.leases import fence
from pipeline.control.migrations import postpone_migration, release_claims, update_migration
from pipeline.cutover.rename import (
    SourceState,
    end_rename_connection,
    open_rename_connection,
    read_source_state,
    rename,
)
from pipeline.domain.event_kind import EventKind
from pipeline.domain.stages import Stage
from pipeline.errors import AmbiguousError
from pipeline.hooks.runner import tell_failure
from pipeline.mysql.pools import raw_connection_id
from pipeline.step.context import Context, Outcome


def restoring(context: Context) -> Outcome:
    """Give the source its tables back, whatever state a cut-over left them in."""
    end_rename_connection(context)
    # Without an intent nobody has renamed anything, whatever else became of the tables.
    if context.migration.renamed_at is not None and read_source_state(context) is SourceState.ASIDE:
        _rename_back(context)
    return back_from(context, "the source has its tables")


def back_from(context: Context, what: str) -> Outcome:
    """Leave RESTORING for the stage that was noted when it was entered."""
    after = context.migration.after_restore
    if after is None:
        raise AmbiguousError("The source is restored, but what then was not recorded.")
    if after is not Stage.READY:
        tell_failure(context, after)
    postponed = _out_of_attempts(context)
    with context.control() as control:
        if postponed:
            postpone_migration(control, context.migration.id)
        context.enter_in(
            control,
            after,
            what,
            after_restore=None,
            renamed_at=None,
        )
        if after is Stage.ABORTED:
            release_claims(control, context.migration.id)
    return Outcome.ADVANCED


def _out_of_attempts(context: Context) -> bool:
    out = context.migration.attempt >= context.settings.cut_over.attempts
    if out and context.migration.after_restore is Stage.READY:
        context.note(EventKind.CUT_OVER, "postponed: the last attempt failed too")
    return out


def _rename_back(context: Context) -> None:
    connection = open_rename_connection(context)
    try:
        with context.control() as control:
            fence(control, context.lease)
            number = raw_connection_id(connection)
            update_migration(control, context.migration.id, rename_connection=number)
        rename(connection, context, back=True)
        with context.control() as control:
            update_migration(control, context.migration.id, rename_connection=None)
    finally:
        connection.close()
