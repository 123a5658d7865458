"""Statements on index builds: the indexes that a table gets after its rows, and who adds them.

An ALTER TABLE commits by itself, so no fence is part of it. What it has instead is an intent (I7):
the connection that may add the indexes, recorded before it does. A successor first sees that
connection ended, and then looks at which indexes there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.mysql import insert

from pipeline.control.schema import NOW, index_builds
from pipeline.domain.migration import Failure, MigrationTable
from pipeline.mysql.indexes import DeferredIndex


@dataclass(frozen=True)
class IndexBuild:
    """The indexes of one table, and how far they are."""

    table_id: int
    indexes: tuple[DeferredIndex, ...]
    connection_id: int | None  # the only one that may add them (I7)
    attempts: int
    began_at: datetime | None  # the latest attempt
    built_at: datetime | None
    failure: Failure | None  # of that attempt
    now: datetime

    @property
    def names(self) -> str:
        return ", ".join(index.name for index in self.indexes)

    @property
    def seconds(self) -> float:
        """How long the latest attempt has taken."""
        if self.began_at is None:
            return 0.0
        return ((self.built_at or self.now) - self.began_at).total_seconds()


def defer_indexes(
    connection: Connection, table: MigrationTable, indexes: tuple[DeferredIndex, ...]
) -> None:
    """Note which indexes the table is about to be created without."""
    row = insert(index_builds).values(table_id=table.id, indexes=indexes, attempts=0)
    connection.execute(row.on_duplicate_key_update(indexes=row.inserted.indexes))


def find_build(connection: Connection, table: MigrationTable) -> IndexBuild | None:
    """None if the table was created with all its indexes."""
    query = select(index_builds, NOW.label("now")).where(index_builds.c.table_id == table.id)
    row = connection.execute(query).one_or_none()
    return None if row is None else IndexBuild(**row._mapping)


def begin_build(connection: Connection, build: IndexBuild, number: int) -> None:
    """Note the intent: connection `number` is about to add the indexes."""
    _update(
        connection, build, connection_id=number, attempts=build.attempts + 1, began_at=NOW,
        failure=None,
    )  # fmt: skip


def note_build_failure(
    connection: Connection, build: IndexBuild, number: int, failure: Failure
) -> None:
    """Note why connection `number` has failed, unless another one has taken over."""
    connection.execute(
        update(index_builds)
        .where(index_builds.c.table_id == build.table_id, index_builds.c.connection_id == number)
        .values(failure=failure)
    )


def end_build(connection: Connection, build: IndexBuild) -> None:
    """Note that no connection adds indexes any more."""
    _update(connection, build, connection_id=None, failure=None)


def forget_attempts(connection: Connection, table: MigrationTable) -> None:
    """Count attempts anew: somebody has looked at what stopped them."""
    connection.execute(
        update(index_builds)
        .where(index_builds.c.table_id == table.id)
        .values(attempts=0, failure=None)
    )


def mark_built(connection: Connection, build: IndexBuild) -> None:
    _update(connection, build, connection_id=None, failure=None, built_at=NOW)


def delete_build(connection: Connection, table: MigrationTable) -> None:
    connection.execute(index_builds.delete().where(index_builds.c.table_id == table.id))


def _update(connection: Connection, build: IndexBuild, **values: Any) -> None:
    connection.execute(
        update(index_builds).where(index_builds.c.table_id == build.table_id).values(**values)
    )
