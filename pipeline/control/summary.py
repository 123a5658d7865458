"""Read-only statements that summarise the control schema for people.

Nothing here decides anything: the coordinator has its own statements. None reads all chunks of a
table: what is in flight is counted, what is done is a total (totals.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Integer, case, func, literal_column, select

from pipeline.control.chunks import UNFINISHED
from pipeline.control.install import is_installed
from pipeline.control.schema import (
    NOW,
    ago,
    chunk_checks,
    chunks,
    leases,
    migrations,
)
from pipeline.domain.chunk_state import ChunkState
from pipeline.domain.migration import MigrationTable
from pipeline.domain.role import Role


@dataclass(frozen=True)
class ChunkSummary:
    """The chunks of one table. `waiting_s`: for how long nobody has taken the oldest message."""

    known: int
    done: int
    waiting_s: float


def chunk_summary(connection: Connection, table: MigrationTable) -> ChunkSummary:
    """Counts of one table's chunks."""
    last = connection.execute(
        select(func.max(chunks.c.number)).where(chunks.c.table_id == table.id)
    ).scalar_one()
    sent = case((chunks.c.state == ChunkState.SENT, _age(chunks.c.sent_at)), else_=0)
    unfinished, waiting = connection.execute(
        select(func.count(), func.coalesce(func.max(sent), 0)).where(
            chunks.c.table_id == table.id, chunks.c.state.in_(UNFINISHED)
        )
    ).one()
    known = 0 if last is None else last + 1  # they are numbered from 0
    return ChunkSummary(known, known - unfinished, float(waiting))


def check_waiting_s(connection: Connection, table: MigrationTable) -> float:
    """For how long the oldest message to verify a chunk has been on its way, or worked on."""
    sent_at = chunk_checks.c.sent_at
    query = select(func.min(sent_at), NOW).where(
        chunk_checks.c.table_id == table.id, sent_at.is_not(None)
    )
    oldest, now = connection.execute(query).one()
    return 0.0 if oldest is None else float((now - oldest).total_seconds())


def rows_copied_lately(
    connection: Connection, tables: Iterable[MigrationTable], seconds: float
) -> int:
    """Rows of the chunks that were finished in the last `seconds`."""
    query = select(_sum(chunks.c.rows)).where(
        chunks.c.table_id.in_([table.id for table in tables]),
        chunks.c.done_at >= ago(seconds),
    )
    return int(connection.execute(query).scalar_one())


def coordinated_s_ago(connection: Connection, migration_id: str) -> float | None:
    """How long ago somebody last held the coordinator's role; None if nobody ever has.

    Each tick takes the lease and releases it, which sets its expiry to that moment.
    """
    query = select(func.greatest(_age(leases.c.expires_at), 0)).where(
        leases.c.migration_id == migration_id, leases.c.role == Role.COORDINATE
    )
    age = connection.execute(query).scalar_one_or_none()
    return None if age is None else float(age)


def ids_beginning(connection: Connection, prefix: str, target: str) -> list[str]:
    """Migrations to `target` whose id begins with `prefix`.

    The target counts, too: a server that the configuration names twice would show each one twice.
    """
    if not is_installed(connection, target):
        return []
    query = select(migrations.c.id).where(
        migrations.c.id.startswith(prefix, autoescape=True), migrations.c.target == target
    )
    return list(connection.execute(query.order_by(migrations.c.id)).scalars())


def _sum(expression: Any) -> Any:
    # Typed: a sum of conditions would come back as a Boolean, that is at most 1.
    return func.coalesce(func.sum(expression, type_=Integer), 0, type_=Integer)


def _age(moment: Any) -> Any:
    """Seconds since `moment`, with their fraction."""
    return func.timestampdiff(literal_column("MICROSECOND"), moment, NOW) / 1e6
