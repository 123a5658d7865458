"""Statements on the stream: the position, which only the applier moves (I1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from pipeline.control.schema import NOW, streams
from pipeline.errors import known
from pipeline.mysql.gtid import GtidSet


@dataclass(frozen=True)
class StreamState:
    """What has been applied and committed."""

    position: GtidSet
    chunk_map_version: int
    batches: int
    rows_applied: int
    source_time: int
    applied_at: datetime
    now: datetime


def create_stream(connection: Connection, migration_id: str, position: GtidSet) -> None:
    connection.execute(
        streams.insert().values(
            migration_id=migration_id, position=position, chunk_map_version=0, batches=0,
            rows_applied=0, source_time=0, applied_at=NOW,
        )
    )  # fmt: skip


def read_stream(connection: Connection, migration_id: str, *, lock: bool = False) -> StreamState:
    """The stream's state; with `lock`, nobody cuts the open chunk until we commit.

    Raises:
        DefectError: there is none, though every stage from `copying` on has one.
    """
    return known(find_stream(connection, migration_id, lock=lock), f"the stream of {migration_id}")


def find_stream(
    connection: Connection, migration_id: str, *, lock: bool = False
) -> StreamState | None:
    """Like `read_stream`; None before `preparing` has recorded the first position."""
    query = select(
        streams.c.position, streams.c.chunk_map_version, streams.c.batches, streams.c.rows_applied,
        streams.c.source_time, streams.c.applied_at, NOW.label("now"),
    ).where(streams.c.migration_id == migration_id)  # fmt: skip
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return None
    return StreamState(*row)


def move_position(
    connection: Connection, migration_id: str, position: GtidSet, rows: int, source_time: int
) -> None:
    """Record the position; commit it together with the row changes that it stands for."""
    connection.execute(
        update(streams)
        .where(streams.c.migration_id == migration_id)
        .values(
            position=position,
            batches=streams.c.batches + 1,
            rows_applied=streams.c.rows_applied + rows,
            source_time=source_time,
            applied_at=NOW,
        )
    )
