"""Whether the source is still what the stream began with: its tables, its transactions, itself."""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.control.streams import StreamState
from pipeline.domain.migration import MigrationTable
from pipeline.errors import FatalError, RetryableError, StartOverError
from pipeline.mysql.flavours import (
    begun_gtids,
    executed_gtids,
    received_gtids,
    wait_until_executed,
)
from pipeline.mysql.servers import definition_text, table_exists

EXECUTED_LIMIT_S = 10.0  # the binary log runs ahead of what is executed: by a moment, mostly


def is_as_planned(source: Connection, table: MigrationTable) -> bool:
    """Whether the table is defined, to the letter, as it was when it was put under migration."""
    name = table.source
    return table_exists(source, name) and definition_text(source, name) == table.definition_text


def require_history(source: Connection, stream: StreamState) -> None:
    """Make sure that the source has executed all that was applied. Ends the open transaction.

    Raises:
        RetryableError: it does not answer, or is still at it: it waits for a replica, or was one.
        FatalError: it has received that as a replica, and does not execute it.
        StartOverError: it has not: it was restored, has crashed or failed over, and has lost some.
    """
    if wait_until_executed(source, stream.position, EXECUTED_LIMIT_S):
        return
    received = received_gtids(source)
    coming = begun_gtids(source)
    coming.update(received.coming)
    executed = executed_gtids(source)
    where = f"it has executed {executed}, the stream is at {stream.position}"
    if coming.contains(stream.position):
        raise RetryableError(
            f"The source has not executed yet what was applied already: {where}. It is still"
            " committing that (semi-synchronous replication waits for a replica), or has received"
            " it as a replica and lags."
        )
    coming.update(received.stopped)
    if coming.contains(stream.position):
        raise FatalError(
            "The source has received as a replica what was applied already, and does not execute"
            f" it: {where}.",
            "Start its replication (START REPLICA) until it has, then: tranship resume ID. If that"
            " is impossible, the source has lost these transactions: abort, clean up and start"
            " again.",
        )
    raise StartOverError(
        f"The source has lost transactions that were applied already: {where}. It was restored, or"
        " has crashed or failed over with a loss.",
        "The target may hold rows that the source has no more.",
    )
