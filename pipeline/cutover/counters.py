"""AUTO_INCREMENT goes on where the old table's was: deleted ids are not given out again."""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.servers import auto_increment, create_statement
from pipeline.mysql.table import TableName
from pipeline.step.context import Context

_WAIT_S = 1  # the application may be waiting, too


def keep_counter(
    context: Context, old: TableName, new: TableName, reader: Connection | None = None
) -> None:
    """Raise the counter of `new`, on the target, to that of `old`, on the source.

    `reader` is the connection that may read `old` if it is locked.

    Raises:
        RetryableError: somebody holds `new`.
    """
    wanted = _counter_of_old(context, old, reader)
    if wanted is None:
        return
    with context.reading() as control:
        there = auto_increment(create_statement(control, new))
    if there is None or there < wanted:
        with context.ddl(lock_wait_s=_WAIT_S) as target:
            run(target, f"ALTER TABLE {quote_name(new)} AUTO_INCREMENT = {wanted}")


def _counter_of_old(context: Context, old: TableName, reader: Connection | None) -> int | None:
    if reader is not None:
        return auto_increment(create_statement(reader, old))
    with context.source() as source:
        return auto_increment(create_statement(source, old))
