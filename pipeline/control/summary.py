"""Read-only statements that summarise the control schema for people.

Nothing here decides anything: the coordinator has its own statements. The server makes the sums,
so that a table of 100,000 chunks costs one row on the wire.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Integer, case, func, literal_column, select

from pipeline.control.chunk_checks import DIRTY
from pipeline.control.install import is_installed
from pipeline.control.schema import (
    NOW,
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
    claimed: int
    rows: int
    bytes: int
    waiting_s: float


@dataclass(frozen=True)
class CheckSummary:
    """The ledger of one table. `dirty` includes those never verified."""

    total: int
    dirty: int
    never_verified: int
    waiting_s: float


def chunk_summary(connection: Connection, table: MigrationTable) -> ChunkSummary:
    """Counts of one table's chunks."""
    sent = case((chunks.c.state == ChunkState.SENT, _age(chunks.c.sent_at)), else_=0)
    query = select(
        func.count(),
        _sum(chunks.c.state == ChunkState.DONE),
        _sum(chunks.c.state == ChunkState.CLAIMED),
        _sum(chunks.c.rows),
        _sum(chunks.c.bytes),
        func.coalesce(func.max(sent), 0),
    ).where(chunks.c.table_id == table.id)
    known, done, claimed, rows, size, waiting = connection.execute(query).one()
    return ChunkSummary(known, int(done), int(claimed), int(rows), int(size), float(waiting))


def check_summary(connection: Connection, table: MigrationTable) -> CheckSummary:
    """Counts of one table's ledger."""
    query = select(
        func.count(),
        _sum(DIRTY),
        _sum(~chunk_checks.c.fully_verified),
        func.coalesce(func.max(case((DIRTY, _age(chunk_checks.c.sent_at)), else_=0)), 0),
    ).where(chunk_checks.c.table_id == table.id)
    total, dirty, never, waiting = connection.execute(query).one()
    return CheckSummary(total, int(dirty), int(never), float(waiting))


def rows_copied_lately(
    connection: Connection, tables: Iterable[MigrationTable], seconds: float
) -> int:
    """Rows of the chunks that were finished in the last `seconds`."""
    query = select(_sum(chunks.c.rows)).where(
        chunks.c.table_id.in_([table.id for table in tables]),
        chunks.c.state == ChunkState.DONE,
        _age(chunks.c.done_at) <= seconds,
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
