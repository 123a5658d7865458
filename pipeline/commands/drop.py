"""Drops a large table gently: first its rows in batches, with a pause after each.

DROP TABLE of a large table holds up a server while it frees the pages and the file; an empty table
costs nothing. Each pause is as long as the batch took, so that this uses at most half of what one
connection can, and replicas keep up.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection

from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.servers import table_exists
from pipeline.mysql.table import TableName

BATCH_ROWS = 5000
_LONGEST_PAUSE_S = 5.0


def drop_table(
    connection: Connection, name: TableName, gently: Callable[[int], None] | None
) -> None:
    """Drop a table if it exists; with `gently`, which is told the rows deleted so far, in batches.

    If it is interrupted, some rows are deleted; called again, it goes on.
    """
    if gently is not None:
        _empty(connection, name, gently)
    run(connection, f"DROP TABLE IF EXISTS {quote_name(name)}")


def _empty(connection: Connection, name: TableName, tell: Callable[[int], None]) -> None:
    deleted = 0
    while True:
        began = time.monotonic()
        if not table_exists(connection, name):
            return
        batch = run(connection, f"DELETE FROM {quote_name(name)} LIMIT {BATCH_ROWS}").affected
        # Said to the server itself: SQLAlchemy does not know of what `run` sends, and would commit
        # nothing.
        run(connection, "COMMIT")
        deleted += batch
        tell(deleted)
        if batch < BATCH_ROWS:
            return
        time.sleep(min(time.monotonic() - began, _LONGEST_PAUSE_S))
