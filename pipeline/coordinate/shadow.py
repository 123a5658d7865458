"""Makes the shadow table of an alter, and what the conversion of its rows needs."""

from __future__ import annotations

from pipeline.alter.convert_rows import create_templates
from pipeline.alter.plan import create_shadow, map_columns
from pipeline.control.migrations import update_table
from pipeline.domain.alter_plan import AlterPlan
from pipeline.domain.migration import MigrationTable
from pipeline.domain.request import alter_request
from pipeline.errors import FatalError
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.servers import table_exists
from pipeline.step.context import Context


def prepare_shadow(context: Context, table: MigrationTable, plan: AlterPlan) -> None:
    """Create the shadow; one that an interrupted call left is made again.

    Raises:
        FatalError: the table is not what it was when the change was planned.
    """
    with context.control() as control:
        if table_exists(control, table.target) and not table.created_by_us:
            raise FatalError(
                f"{table.target} has come to be since the start, and is not ours.",
                "Drop or rename it, then: tranship resume.",
            )
        # Said before it is done: clean-up may then drop it, whatever happens in between.
        update_table(control, table.id, created_by_us=True)
    with context.control() as control:
        run(control, f"DROP TABLE IF EXISTS {quote_name(table.target)}")
        create_shadow(control, table.source, table.target, plan.ddl)
    with context.control() as control:
        request = alter_request(context.migration.request)
        if map_columns(control, table.target, request) != plan:
            raise FatalError(
                f"{table.source} was changed while its change was being planned.",
                "Nothing was copied. Abort, clean up and start again.",
            )
        create_templates(control, table, plan)
