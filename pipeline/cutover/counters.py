"""AUTO_INCREMENT goes on where the old table's was: deleted ids are not given out again."""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.domain.migration import MigrationTable
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.servers import auto_increment, create_statement
from pipeline.mysql.table import TableName
from pipeline.step.context import Context

_WAIT_S = 1  # the application may be waiting, too


def keep_counter(
    context: Context, table: MigrationTable, old: TableName, reader: Connection | None = None
) -> None:
    """Raise the counter of the target table to that of the source's, which is called `old` now.

    An alter may ask for a lower one, as of the server's own ALTER. It gets that, unless an id was
    given out since the start. `reader` is the connection that may read `old` if it is locked.

    Raises:
        RetryableError: somebody holds the target table.
    """
    wanted, plan = _counter_of_old(context, old, reader), table.alter_plan
    if wanted is None or (plan is not None and plan.counter_at_start == wanted):
        return
    with context.reading() as control:
        there = auto_increment(create_statement(control, table.target))
    if there is None or there < wanted:
        with context.ddl(lock_wait_s=_WAIT_S) as target:
            run(target, f"ALTER TABLE {quote_name(table.target)} AUTO_INCREMENT = {wanted}")


def _counter_of_old(context: Context, old: TableName, reader: Connection | None) -> int | None:
    if reader is not None:
        return auto_increment(create_statement(reader, old))
    with context.source() as source:
        return auto_increment(create_statement(source, old))
