"""Checks of an alter: the change itself, the names that it needs, and what the swap needs."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from pipeline.alter.ddl import read_ddl
from pipeline.alter.plan import map_columns, scratch_table
from pipeline.domain.alter_plan import AlterPlan
from pipeline.domain.names import other_name, shadow_name
from pipeline.errors import FatalError, RefusedError
from pipeline.mysql.catalogue import foreign_keys, taken_names, trigger_names, triggers_of_schema
from pipeline.mysql.failures import driver_errors, without_server
from pipeline.mysql.flavours import is_mariadb, variable
from pipeline.mysql.introspect import read_table
from pipeline.mysql.pools import run
from pipeline.mysql.servers import table_exists
from pipeline.mysql.table import TableName
from pipeline.mysql.triggers import create_trigger, read_triggers
from pipeline.preflight.constraints import free_beside
from pipeline.preflight.findings import CheckContext, Finding, info, refused

# A swap takes two such locks; others that wait at the same time take some more.
FEWEST_WRITE_LOCKS = 1000
_INSTRUMENT = "wait/lock/metadata/sql/mdl"


def change(context: CheckContext) -> Iterator[Finding]:
    """The server accepts the change, on an empty table that is dropped again."""
    request = context.alter
    with context.source() as server:
        if not _is_readable(server, request.table):
            return  # "tables" says so
        read_ddl(request.change)  # before the server gets it
        with scratch_table(server, request.table, request.change) as scratch:
            yield info(f"{request.table}: {_shown(map_columns(server, scratch, request))}.")
            yield from free_beside(server, request, scratch)
            if request.with_triggers:
                yield from _rehearsed(server, request.table, scratch)


def _rehearsed(server: Connection, name: TableName, scratch: TableName) -> Iterator[Finding]:
    """Each trigger can be created on the new table, whose columns may be others."""
    for number, trigger in enumerate(read_triggers(server, name)):
        try:
            with driver_errors("here"):
                create_trigger(server, trigger, scratch, f"{scratch.name}_{number}")
        except FatalError as error:
            said = without_server(error)
            yield refused(
                f"Trigger {trigger.name} can't be created on the changed table: {said}",
                "Change the trigger first, or drop it; or change the table in two steps.",
            )


def _is_readable(server: Connection, name: TableName) -> bool:
    try:
        read_table(server, name)
    except RefusedError:
        return False
    return True


def _shown(plan: AlterPlan) -> str:
    pairs = list(zip(plan.kept.columns, plan.shadow.columns, strict=True))
    parts = [f"{len(pairs)} columns are kept, copied by key {plan.shadow.key.name}"]
    parts += [f"{old.name} becomes {new.name}" for old, new in pairs if old.name != new.name]
    if plan.retyped:
        parts += [
            f"{new.name} becomes {new.column_type}"
            for old, new in pairs
            if (old.column_type, old.collation) != (new.column_type, new.collation)
        ]
    if plan.checked:
        parts.append(f"every value of {', '.join(plan.checked)} is checked for loss")
    if plan.new_unique:
        parts.append(f"new unique keys: {', '.join(plan.new_unique)}")
    return "; ".join(parts)


def names_free(context: CheckContext) -> Iterator[Finding]:
    """The name of the sentry, which the old table gets at the swap, is free."""
    yield from _free(context, context.alter.retired_name)


def shadow_free(context: CheckContext) -> Iterator[Finding]:
    """The name of the shadow is free."""
    yield from _free(context, shadow_name(context.alter.table))


def _free(context: CheckContext, beside: TableName) -> Iterator[Finding]:
    with context.source() as server:
        if table_exists(server, beside):
            yield refused(
                f"{beside} exists, and the change of {context.alter.table} needs that name.",
                "Drop or rename it; after an earlier change: tranship clean-up ID.",
            )


def metadata_locks(context: CheckContext) -> Iterator[Finding]:
    """The server shows who waits for which table; without that a swap would be a guess."""
    server = context.request.source
    with context.source() as connection:
        if is_mariadb(connection):
            yield refused(
                f"{server} is MariaDB, which does not show what a rename waits for.",
                "Use its own ALTER TABLE … LOCK=NONE.",
            )
            return
        if variable(connection, "performance_schema") != "ON":
            yield refused(
                f"performance_schema is OFF on {server}.",
                "Start the server with performance_schema = ON.",
            )
            return
        rows = run(
            connection,
            "SELECT 1 FROM performance_schema.setup_instruments"
            f" WHERE name = '{_INSTRUMENT}' AND enabled = 'YES'",
        ).rows
    if not rows:
        yield refused(
            f"{server} does not record metadata locks.",
            "UPDATE performance_schema.setup_instruments SET enabled = 'YES' WHERE name ="
            f" '{_INSTRUMENT}';",
        )


def write_locks(context: CheckContext) -> Iterator[Finding]:
    """No waiting write goes before the swap's rename, which would be after the proof."""
    with context.source() as server:
        count = int(variable(server, "max_write_lock_count") or FEWEST_WRITE_LOCKS)
    if count < FEWEST_WRITE_LOCKS:
        yield refused(
            f"max_write_lock_count is {count} on {context.request.source}: after so many locks a"
            " waiting write goes before the rename.",
            f"SET GLOBAL max_write_lock_count = DEFAULT; or at least {FEWEST_WRITE_LOCKS}.",
        )


def no_foreign_keys(context: CheckContext) -> Iterator[Finding]:
    """No foreign key from or to the table: it would stay with the old one."""
    with context.source() as server:
        for name in context.request.tables:
            for key in foreign_keys(server, name):
                yield refused(
                    f"{key.child} refers to {key.parent} by foreign key {key.name}, which would"
                    " stay with the old table.",
                    f"Drop {key.name} before the change, and add it again afterwards.",
                )


def triggers(context: CheckContext) -> Iterator[Finding]:
    """Triggers of the table are created on the new one only with `--with-triggers`."""
    request = context.request
    with context.source() as server:
        for name in request.tables:
            found = trigger_names(server, name)
            if not found:
                continue
            shown = ", ".join(found)
            if not request.with_triggers:
                yield refused(
                    f"{name} has triggers ({shown}), which would stay with the old table.",
                    "Use `with_triggers=True`, which creates them on the new one before the swap;"
                    " or drop them.",
                )
                continue
            wanted = [other_name(one) for one in found]
            taken = taken_names(wanted, triggers_of_schema(server, name.schema))
            if taken:
                yield refused(
                    f"Schema {name.schema} already has triggers with the names that those of"
                    f" {name} would get ({', '.join(taken)}).",
                    "Rename or drop them.",
                )
            else:
                yield info(f"{name}: triggers {shown} will be called {', '.join(wanted)}.")
