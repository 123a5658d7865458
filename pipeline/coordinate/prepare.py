"""The first stage: the target's tables, and the place in the binary log to stream from.

The position is read before any row is: every change later than it arrives by the stream,
every row at or before it is seen by the chunks' reads.
"""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.control.chunk_map import create_key_tables, first_piece
from pipeline.control.migrations import update_moved
from pipeline.control.streams import create_stream, read_stream
from pipeline.coordinate.shadow import prepare_shadow
from pipeline.domain.hook_names import Hook
from pipeline.domain.migration import Moved
from pipeline.domain.stages import Stage
from pipeline.errors import FatalError
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
    for moved in context.moved:
        _create_target(context, moved)
        with context.control() as control:
            create_key_tables(control, moved)
        with context.control() as control:
            first_piece(control, moved)
    require(context, Hook.VALIDATED)
    with context.control() as control:
        known = read_stream(control, context.migration.id)
    if known is None:
        with context.source() as source:
            position = visible_gtids(source)
        with context.control() as control:
            create_stream(control, context.migration.id, position)
    return context.enter(Stage.COPYING, "the target tables are there")


def _create_target(context: Context, moved: Moved) -> None:
    if moved.rebuild is not None:
        prepare_shadow(context, moved, moved.rebuild)
        return
    with context.control() as control:
        if table_exists(control, moved.target):
            return
        # Said before it is done: clean-up may then drop it, whatever happens in between.
        update_moved(control, moved.id, created_by_us=True)
    with context.source() as source:
        statement = create_statement(source, moved.source)
    with context.control() as control:
        create_schema(control, moved.target.schema)
    with context.control() as control:
        run(control, _renamed(statement, moved))
    with context.control() as control:
        _check_shape(control, moved)


def _check_shape(target: Connection, moved: Moved) -> None:
    """The target's server may have left out what it does not know."""
    for difference in differences(moved.table, read_table(target, moved.target)):
        raise FatalError(
            f"{moved.target} was created with {difference}.",
            "Nothing was copied. Abort and clean up; create the table by hand, then move again.",
        )


def _renamed(statement: str, moved: Moved) -> str:
    head = f"CREATE TABLE {quote(moved.source.name)}"
    assert statement.startswith(head), statement[:80]
    return f"CREATE TABLE {quote_name(moved.target)}{statement[len(head) :]}"
