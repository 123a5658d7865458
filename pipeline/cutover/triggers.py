"""`with_triggers`: creates the source's triggers on the target, once we no longer write there.

Our own writes must never fire them: what a trigger on the source has done is in its binary log
already. So they are created once the stream has ended and all is verified, but before the point of
no return, since whoever reads the target makes CREATE TRIGGER wait. If the cut-over turns back,
they are dropped before anything is written again. Creating them is rehearsed before the rename, on
an empty table of the same definition, where a failure still costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from pipeline.domain.migration import MigrationTable
from pipeline.domain.names import other_name
from pipeline.errors import FatalError
from pipeline.mysql.failures import driver_errors, without_server
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.servers import has_comment, table_exists
from pipeline.mysql.table import TableName
from pipeline.mysql.triggers import Trigger, create_trigger, read_triggers
from pipeline.step.context import Context

_WAIT_S = 1  # the application may be waiting, too
_MARK = "rehearsal of tranship"


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
    """By a name of this migration's own, so that one that a crash has left behind is ours."""
    name = f"_tranship_{table.migration_id}_{table.ordinal}"
    scratch = TableName(table.target.schema, name)
    with context.ddl() as target:
        _drop_marked(target, scratch)
        run(target, f"CREATE TABLE {quote_name(scratch)} LIKE {quote_name(table.target)}")
        run(target, f"ALTER TABLE {quote_name(scratch)} COMMENT = '{_MARK}'")
        try:
            for number, trigger in enumerate(triggers):
                _try(target, table, trigger, scratch, f"{name}_{number}")
        finally:
            _drop_marked(target, scratch)


def _drop_marked(target: Connection, scratch: TableName) -> None:
    """Drop the table of an earlier rehearsal, if there is one, but never another.

    Raises:
        FatalError: another table has that name.
    """
    if has_comment(target, scratch, _MARK):
        run(target, f"DROP TABLE {quote_name(scratch)}")
    elif table_exists(target, scratch):
        raise FatalError(
            f"{scratch} exists on the target and is not Tranship's: triggers are rehearsed on a"
            " table of that name.",
            "Rename or drop it, then: tranship resume ID.",
        )


def _try(
    target: Connection, table: MigrationTable, trigger: Trigger, scratch: TableName, name: str
) -> None:
    try:
        with driver_errors("here"):
            create_trigger(target, trigger, scratch, name)
    except FatalError as error:
        said = without_server(error)
        raise FatalError(
            f"Trigger {trigger.name} of {table.source} can't be created on the target: {said}",
            "Make that possible there (its definer, log_bin_trust_function_creators, the tables"
            " that it names), then: tranship resume ID.",
        ) from error


def create_triggers(context: Context) -> None:
    """Create the triggers that are missing; the source's rows may be under another name now.

    Raises:
        RetryableError: somebody holds a table of the target.
    """
    for table, triggers in _of_source(context):
        with context.control() as control:
            there = {trigger.name for trigger in read_triggers(control, table.target)}
        missing = [one for one in triggers if _name_of(table, one) not in there]
        if missing:
            with context.ddl(lock_wait_s=_WAIT_S) as target:
                for trigger in missing:
                    create_trigger(target, trigger, table.target, _name_of(table, trigger))


def drop_triggers(context: Context) -> None:
    """Drop those that `create_triggers` has made: what we write next must not fire them.

    Raises:
        RetryableError: somebody holds a table of the target.
    """
    for table, triggers in _of_source(context):
        ours = {_name_of(table, trigger) for trigger in triggers}
        with context.control() as control:
            there = [one.name for one in read_triggers(control, table.target) if one.name in ours]
        if there:
            with context.ddl(lock_wait_s=_WAIT_S) as target:
                for name in there:
                    trigger = quote_name(TableName(table.target.schema, name))
                    run(target, f"DROP TRIGGER IF EXISTS {trigger}")


def _of_source(context: Context) -> Iterator[tuple[MigrationTable, list[Trigger]]]:
    """Each table, and the triggers that it has on the source, whatever it is called there now."""
    for table in _with_triggers(context):
        with context.source() as source:
            found = read_triggers(source, table.blocked_name) or read_triggers(source, table.source)
        yield table, found


def _name_of(table: MigrationTable, trigger: Trigger) -> str:
    # In an alter the old table keeps its triggers, and their names, until it is dropped.
    return other_name(trigger.name) if table.placement.swapped else trigger.name


def _with_triggers(context: Context) -> list[MigrationTable]:
    return list(context.tables) if context.migration.request.with_triggers else []
