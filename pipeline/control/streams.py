"""Statements on the stream: the position, which only the applier moves (I1), up to the switch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from pipeline.control.schema import NOW, streams
from pipeline.errors import known
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.server_run import ServerRun


@dataclass(frozen=True)
class StreamState:
    """What has been applied and committed."""

    position: GtidSet
    prepared_xa: tuple[str, ...]  # XA transactions that are prepared at the position
    source_run: ServerRun  # of the server that the position is known to be from
    logs_keys: bool
    batches: int
    rows_applied: int
    source_time: float  # all that was committed up to then is applied
    applied_at: datetime
    now: datetime


def create_stream(
    connection: Connection, migration_id: str, position: GtidSet, prepared_xa: tuple[str, ...],
    source_run: ServerRun, source_time: float,
) -> None:  # fmt: skip
    """Record the first position; `source_time` is when that was read, by the source's clock."""
    connection.execute(
        streams.insert().values(
            migration_id=migration_id, position=position, prepared_xa=prepared_xa,
            source_identity=source_run.server, source_started=source_run.started,
            source_lax=source_run.lax,
            logs_keys=False, batches=0, rows_applied=0, source_time=source_time, applied_at=NOW,
        )
    )  # fmt: skip


def read_stream(connection: Connection, migration_id: str, *, lock: bool = False) -> StreamState:
    """The stream's state; with `lock`, no batch commits and no chunk is cut until we commit.

    Raises:
        DefectError: there is none, though every stage from `copying` on has one.
    """
    return known(find_stream(connection, migration_id, lock=lock), f"the stream of {migration_id}")


def find_stream(
    connection: Connection, migration_id: str, *, lock: bool = False
) -> StreamState | None:
    """Like `read_stream`; None before `preparing` has recorded the first position."""
    query = select(
        streams.c.source_identity, streams.c.source_started, streams.c.source_lax,
        streams.c.position, streams.c.prepared_xa, streams.c.logs_keys, streams.c.batches,
        streams.c.rows_applied, streams.c.source_time, streams.c.applied_at, NOW.label("now"),
    ).where(streams.c.migration_id == migration_id)  # fmt: skip
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return None
    server, started, lax, position, prepared_xa, *others = row
    return StreamState(position, prepared_xa, ServerRun(server, started, lax), *others)


def move_position(
    connection: Connection, migration_id: str, position: GtidSet, prepared_xa: tuple[str, ...],
    rows: int, source_time: float,
) -> None:  # fmt: skip
    """Record the position; commit it together with the row changes that it stands for."""
    connection.execute(
        update(streams)
        .where(streams.c.migration_id == migration_id)
        .values(
            position=position,
            prepared_xa=prepared_xa,
            batches=streams.c.batches + 1,
            rows_applied=streams.c.rows_applied + rows,
            source_time=source_time,
            applied_at=NOW,
        )
    )


def settle_late_writes(connection: Connection, migration_id: str, position: GtidSet) -> None:
    """Have `position` hold what was written to an alter's table after the stream had ended.

    Commit it together with what was done about it, so that nobody does that twice.
    """
    connection.execute(
        update(streams).where(streams.c.migration_id == migration_id).values(position=position)
    )


def note_source_run(connection: Connection, migration_id: str, run: ServerRun) -> None:
    """From now on the stream reads the log of that run of a server."""
    connection.execute(
        update(streams)
        .where(streams.c.migration_id == migration_id)
        .values(source_identity=run.server, source_started=run.started, source_lax=run.lax)
    )


def note_lax_source(connection: Connection, migration_id: str) -> None:
    """The server was seen with settings by which it may lose what it has committed."""
    connection.execute(
        update(streams)
        .where(streams.c.migration_id == migration_id, ~streams.c.source_lax)
        .values(source_lax=True)
    )


def log_keys_from_now(connection: Connection, migration_id: str) -> None:
    """Have every batch that commits after this record the keys that it changes."""
    connection.execute(
        update(streams).where(streams.c.migration_id == migration_id).values(logs_keys=True)
    )
