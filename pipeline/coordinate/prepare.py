"""The first stage: the target's tables, and the place in the binary log to stream from.

The position is read before any row is: every change later than it arrives by the stream,
every row at or before it is seen by the chunks' reads.
"""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.control.chunk_map import create_first_chunk, create_key_tables
from pipeline.control.migrations import update_table
from pipeline.control.streams import create_stream, find_stream
from pipeline.coordinate.shadow import prepare_shadow
from pipeline.domain.hook_names import Hook
from pipeline.domain.migration import MigrationTable
from pipeline.domain.stages import Stage
from pipeline.errors import DefectError, FatalError
from pipeline.hooks.runner import require
from pipeline.mysql.definition_diff import differences
from pipeline.mysql.flavours import visible_gtids
from pipeline.mysql.introspect import read_table
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote, quote_name
from pipeline.mysql.servers import create_schema, create_statement, table_exists
from pipeline.step.context import Context, Outcome


def prepare(context: Context) -> Outcome:
    """Create what the copy needs; every part may be done already."""
    require(context, Hook.STARTUP)
    for table in context.tables:
        _create_target(context, table)
        with context.control() as control:
            create_key_tables(control, table)
        with context.control() as control:
            create_first_chunk(control, table)
    require(context, Hook.VALIDATED)
    with context.control() as control:
        known = find_stream(control, context.migration.id)
    if known is None:
        with context.source() as source:
            position = visible_gtids(source)
        with context.control() as control:
            create_stream(control, context.migration.id, position)
    return context.enter(Stage.COPYING, "the target tables are there")


def _create_target(context: Context, table: MigrationTable) -> None:
    if table.alter_plan is not None:
        prepare_shadow(context, table, table.alter_plan)
        return
    with context.control() as control:
        if table_exists(control, table.target):
            return
        # Said before it is done: clean-up may then drop it, whatever happens in between.
        update_table(control, table.id, created_by_us=True)
    with context.source() as source:
        statement = create_statement(source, table.source)
    with context.control() as control:
        create_schema(control, table.target.schema)
    with context.control() as control:
        run(control, _renamed(statement, table))
    with context.control() as control:
        _check_shape(control, table)


def _check_shape(target: Connection, table: MigrationTable) -> None:
    """The target's server may have left out what it does not know."""
    for difference in differences(table.definition, read_table(target, table.target)):
        raise FatalError(
            f"{table.target} was created with {difference}.",
            "Nothing was copied. Abort and clean up; create the table by hand, then move again.",
        )


def _renamed(statement: str, table: MigrationTable) -> str:
    head = f"CREATE TABLE {quote(table.source.name)}"
    if not statement.startswith(head):
        raise DefectError(f"SHOW CREATE TABLE begins with {statement[:80]}")
    return f"CREATE TABLE {quote_name(table.target)}{statement[len(head) :]}"
