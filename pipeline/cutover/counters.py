"""AUTO_INCREMENT goes on where the old table's was: deleted ids are not given out again."""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.servers import auto_increment, create_statement
from pipeline.mysql.table import TableName
from pipeline.step.context import Context

_WAIT_S = 1  # the application is waiting, too


def keep_counter(
    context: Context, old: TableName, new: TableName, reader: Connection | None = None
) -> None:
    """Raise the counter of `new`, on the target, to that of `old`, on the source.

    `reader` is the connection that may read `old` if it is locked.
    """
    if reader is not None:
        wanted = auto_increment(create_statement(reader, old))
    else:
        with context.source() as source:
            wanted = auto_increment(create_statement(source, old))
    with context.control() as control:
        run(control, f"SET SESSION lock_wait_timeout = {_WAIT_S}")
        there = auto_increment(create_statement(control, new))
        if wanted is not None and (there is None or there < wanted):
            run(control, f"ALTER TABLE {quote_name(new)} AUTO_INCREMENT = {wanted}")
        run(control, f"SET SESSION lock_wait_timeout = {context.settings.timeouts.lock_wait_s}")
