"""Whether the source is still what the stream began with: its tables, its transactions, itself."""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.control.streams import StreamState
from pipeline.domain.migration import MigrationTable
from pipeline.errors import StartOverError
from pipeline.mysql.flavours import executed_gtids, wait_until_executed
from pipeline.mysql.servers import definition_text, table_exists

EXECUTED_LIMIT_S = 10.0  # the binary log runs ahead of what is executed, by a moment


def is_as_planned(source: Connection, table: MigrationTable) -> bool:
    """Whether the table is defined, to the letter, as it was when it was put under migration."""
    name = table.source
    return table_exists(source, name) and definition_text(source, name) == table.definition_text


def require_history(source: Connection, stream: StreamState) -> None:
    """Make sure that the source has executed all that was applied. Ends the open transaction.

    Raises:
        RetryableError: it does not answer.
        StartOverError: it has not: it was restored, has crashed or failed over, and has lost some.
    """
    if wait_until_executed(source, stream.position, EXECUTED_LIMIT_S):
        return
    executed = executed_gtids(source)
    raise StartOverError(
        "The source has lost transactions that were applied already: it has executed"
        f" {executed}, the stream is at {stream.position}. It was restored, or has crashed or"
        " failed over with a loss.",
        "The target may hold rows that the source has no more.",
    )
