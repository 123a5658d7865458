"""Records the way back of a migration: after the switch, and without a gap.

The position at which its stream begins is read right before the proof, and commits with it, on the
target. From then on nothing of ours changes the new tables, and the application does not yet. So
whatever it writes comes after the position, however late the way back is recorded: that waits until
the application has been told, since it needs the source, and nothing may depend on that while
writes are refused.

Its control rows are on the source, the target of the way back. They are written in one transaction
under an id that follows from the migration's. If it has been recorded already, it stays as it is.
What takes longer, the tables beside those rows, is made before the cut-over of a move. An alter's
table is never missing, so there it is made afterwards, when both tables have the names under which
the way back finds them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from pipeline.alter.inverse import inverse_plan
from pipeline.alter.temporary import create_templates
from pipeline.control.chunk_map import create_key_tables
from pipeline.control.hooks import last_run
from pipeline.control.install import install, is_installed
from pipeline.control.migration_tables import read_tables
from pipeline.control.migrations import find_migration
from pipeline.control.schema import read_now
from pipeline.control.way_back import asked_too_late, create_way_back, plan_way_back
from pipeline.domain.alter_plan import AlterPlan
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook
from pipeline.domain.migration import MigrationTable, PlannedTable
from pipeline.domain.request import MigrationKind, way_back_of
from pipeline.domain.way_back import StreamStart, way_back_id
from pipeline.errors import (
    FencedError,
    RetryableError,
    StartOverError,
    TranshipError,
    known,
)
from pipeline.mysql.catalogue import table_identity, trigger_names
from pipeline.mysql.durability import server_run
from pipeline.mysql.flavours import executed_gtids, identity
from pipeline.mysql.introspect import read_table, read_table_to_move
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.servers import definition_text
from pipeline.mysql.table import Table, TableName
from pipeline.mysql.xa import prepared_xa
from pipeline.pausepoints import Point, reached
from pipeline.step.context import Context
from pipeline.step.lag import source_now

# Since the application was told. The logs of an alter are searched first: that is begun again for
# 300 s (finish.py), and then takes 410 s at most.
_LIMIT_S = {MigrationKind.MOVE: 300.0, MigrationKind.ALTER: 1200.0}
_LOCK_WAIT_S = 5


def prepare_way_back(context: Context) -> None:
    """Move only: create on the source what its way back needs, while nothing waits for it."""
    request = context.migration.request
    if request.way_back_s is None or request.kind is MigrationKind.ALTER:
        return
    with context.source() as old:
        install(old, context.migration.source)
    _plan(context)


def _plan(context: Context) -> None:
    with context.reading() as control:
        noted = read_tables(control, context.migration.id)  # with their identities
    planned = [_planned(context, table) for table in noted]
    with context.source() as old:
        tables = plan_way_back(old, way_back_id(context.migration.id), planned)
    with context.ddl(context.migration.source) as old:
        for table in tables:
            create_key_tables(old, table)
            if table.alter_plan is not None:
                create_templates(old, table, table.alter_plan)


def _planned(context: Context, table: MigrationTable) -> PlannedTable:
    plan = table.alter_plan
    definition = _moved_back(context, table) if plan is None else _altered_back(context, table)
    if context.migration.request.json_as_text:
        definition = definition.documents_as_text()
    return PlannedTable(
        definition=definition,
        target=table.retired_name,
        rows_estimate=table.rows_estimate,
        bytes_estimate=table.bytes_estimate,
        chunk_rows=table.chunk_rows,
        definition_text="",  # noted with the rest
        alter_plan=None if plan is None else _inverse(context, table, plan),
        target_identity=table.source_identity,
        source_identity=table.target_identity,
        returns_to=table.source,
    )


def _moved_back(context: Context, table: MigrationTable) -> Table:
    with context.reading() as new, context.source() as old:
        definition = read_table_to_move(new, old, table.target)
    return replace(definition, name=table.live_name, key=table.definition.key)


def _altered_back(context: Context, table: MigrationTable) -> Table:
    with context.source() as server:
        return replace(read_table(server, table.live_name), key=table.target_table.key)


def _inverse(context: Context, table: MigrationTable, plan: AlterPlan) -> AlterPlan:
    with context.source() as server:
        return inverse_plan(server, plan, table.live_name, table.retired_name)


def require_old_tables(context: Context) -> None:
    """Make sure that the tables of a way back are those that were retired, never made anew.

    Raises:
        StartOverError: one was dropped, truncated or rebuilt.
    """
    if context.migration.request.back is None:
        return
    with context.reading() as target:
        other = [
            str(table.target)
            for table in context.tables
            if table_identity(target, table.target) != table.target_identity
        ]
    if other:
        raise StartOverError(
            f"{', '.join(other)} on {context.target} is not the table that was retired: it was"
            " dropped, truncated or rebuilt.",
            "The new tables stay where they are.",
        )


def read_stream_start(context: Context) -> StreamStart | None:
    """Where the stream of the way back will begin, if one is wanted.

    Read it when our own writes to the new tables have ended, their DDL included, and nobody has
    been told of them: what comes before it is not in that stream.
    """
    if context.migration.request.way_back_s is None:
        return None
    with context.reading() as new:
        now = source_now(new)
        position = executed_gtids(new)
        xa = prepared_xa(new)
        return StreamStart(str(position), xa, identity(new), server_run(new), now)


def open_way_back(context: Context) -> None:
    """Record the way back, if one is wanted. If that can't be done, there will be none.

    Raises:
        RetryableError: the source does not answer; that is waited for, for a time.
    """
    if context.migration.request.way_back_s is None:
        return
    try:
        _record(context)
    except FencedError:
        raise
    except RetryableError as error:
        if told_s_ago(context) < _LIMIT_S[context.migration.kind]:
            raise
        _give_up(context, error)
    except TranshipError as error:
        _give_up(context, error)
    reached(Point.WAY_BACK_RECORDED)


def _record(context: Context) -> None:
    migration = context.migration
    if migration.way_back_start is None:
        raise asked_too_late()
    new_id = way_back_id(migration.id)
    with context.reading() as new:
        definitions = [definition_text(new, table.live_name) for table in context.tables]
    with context.source() as old:
        if not is_installed(old, migration.source):
            raise asked_too_late()
        if find_migration(old, new_id) is not None:
            return
    _drop_old_triggers(context)
    if migration.kind is MigrationKind.ALTER:
        _plan(context)
    with context.source() as old:
        window = timedelta(seconds=known(migration.request.way_back_s, "how long it is open"))
        until = read_now(old) + window
        request = way_back_of(migration.request, migration.id, until)
        create_way_back(
            old, new_id, request, migration.way_back_start, definitions, migration.created_by
        )
        context.renew()  # last: a coordinator that was replaced records none
    _tell(context, until)


def _drop_old_triggers(context: Context) -> None:
    """Of the old tables: rows that the way back writes must not fire them.

    The new tables have the same, and from there they come back at its cut-over.

    Raises:
        RetryableError: somebody holds one of the tables.
    """
    for table in context.tables:
        with context.source() as old:
            names = trigger_names(old, table.retired_name)
        if names:
            with context.ddl(context.migration.source, _LOCK_WAIT_S) as old:
                for name in names:
                    run(old, f"DROP TRIGGER {quote_name(TableName(table.source.schema, name))}")


def _tell(context: Context, until: datetime) -> None:
    what = f"open until {until:%Y-%m-%d %H:%M:%S} UTC: tranship roll-back {context.migration.id}"
    context.note(EventKind.WAY_BACK, what)


def _give_up(context: Context, error: TranshipError) -> None:
    context.note(EventKind.WAY_BACK, f"there is none, it could not be recorded: {error}")


def told_s_ago(context: Context) -> float:
    """How long ago the application was told to write to the new tables."""
    migration = context.migration
    with context.reading() as control:
        told = last_run(control, migration.id, Hook.ON_SUCCESS)
    return told.age_s if told else (migration.now - migration.stage_since).total_seconds()
