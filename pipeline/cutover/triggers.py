"""`with_triggers`: creates the source's triggers on the target, once we no longer write there.

Our own writes must never fire them: what a trigger on the source has done is in its binary log
already. So they are created after the point of no return, when the stream has ended, and before
the application is told. Creating them is rehearsed before the rename, on an empty table of the
same definition, where a failure still costs nothing.
"""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.domain.migration import MigrationTable
from pipeline.domain.names import other_name
from pipeline.errors import FatalError, TranshipError
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.table import TableName
from pipeline.mysql.triggers import Trigger, create_trigger, read_triggers
from pipeline.step.context import Context


def rehearse_triggers(context: Context) -> None:
    """Create every trigger on an empty table, which is dropped again.

    Raises:
        FatalError: the target rejects one; names it.
    """
    for table in _with_triggers(context):
        with context.source() as source:
            triggers = read_triggers(source, table.source)
        if triggers:
            _rehearse(context, table, triggers)


def _rehearse(context: Context, table: MigrationTable, triggers: list[Trigger]) -> None:
    scratch = TableName(table.target.schema, f"_tranship_{table.id}_trg")
    with context.control() as target:
        run(target, f"DROP TABLE IF EXISTS {quote_name(scratch)}")
        run(target, f"CREATE TABLE {quote_name(scratch)} LIKE {quote_name(table.target)}")
    try:
        for number, trigger in enumerate(triggers):
            _try(context, table, trigger, scratch, f"_tranship_{table.id}_{number}")
    finally:
        with context.control() as target:
            run(target, f"DROP TABLE IF EXISTS {quote_name(scratch)}")


def _try(
    context: Context, table: MigrationTable, trigger: Trigger, scratch: TableName, name: str
) -> None:
    try:
        with context.control() as target:
            create_trigger(target, trigger, scratch, name)
    except TranshipError as error:
        raise FatalError(
            f"Trigger {trigger.name} of {table.source} can't be created on the target:"
            f" {error.explanation}",
            "Make that possible there (its definer, log_bin_trust_function_creators, the tables"
            " that it names), then: tranship resume ID.",
        ) from error


def create_triggers(context: Context) -> None:
    """Create the triggers that are missing; the source's tables have their retired names."""
    for table in _with_triggers(context):
        with context.source() as source:
            triggers = read_triggers(source, table.retired_name)
        with context.control() as target:
            _create_missing(target, table, triggers)


def create_on_shadow(context: Context, table: MigrationTable) -> None:
    """Alter only: create triggers on the shadow, under the lock, once the stream is shut out.

    The old table keeps its triggers until it is dropped, so these get other names.
    """
    if not context.migration.request.with_triggers:
        return
    with context.source() as source:
        triggers = read_triggers(source, table.source)
    with context.control() as target:
        for trigger in triggers:
            create_trigger(target, trigger, table.target, other_name(trigger.name))


def drop_from_shadow(server: Connection, table: MigrationTable) -> None:
    """Alter only: the swap has not happened, so what we write next must not fire these."""
    for trigger in read_triggers(server, table.target):
        name = quote_name(TableName(table.target.schema, trigger.name))
        run(server, f"DROP TRIGGER IF EXISTS {name}")


def _create_missing(target: Connection, table: MigrationTable, triggers: list[Trigger]) -> None:
    there = {trigger.name for trigger in read_triggers(target, table.target)}
    for trigger in triggers:
        if trigger.name not in there:
            create_trigger(target, trigger, table.target, trigger.name)


def _with_triggers(context: Context) -> list[MigrationTable]:
    return list(context.tables) if context.migration.request.with_triggers else []
