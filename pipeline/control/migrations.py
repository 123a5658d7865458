"""Statements on migrations, their tables and claims."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy import Table as SchemaTable
from sqlalchemy.exc import IntegrityError

from pipeline.control.events import log_event
from pipeline.control.hooks import forget_hook
from pipeline.control.leases import Lease, fence
from pipeline.control.schema import (
    NOW,
    SCHEMA,
    claims,
    metadata,
    migration_tables,
    migrations,
)
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook
from pipeline.domain.migration import Failure, Migration, MigrationTable, PlannedTable
from pipeline.domain.request import AlterRequest, Request
from pipeline.domain.stages import Stage
from pipeline.errors import DefectError, FencedError, RefusedError
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote, text_literal
from pipeline.mysql.table import TableName, table_to_json

ENDED = (Stage.DONE, Stage.ABORTED)


def install(connection: Connection) -> None:
    """Create the control schema where it isn't there yet; bring an older one up to date."""
    run(connection, f"CREATE DATABASE IF NOT EXISTS {quote(SCHEMA)} CHARACTER SET utf8mb4")
    metadata.create_all(connection)
    for table in metadata.sorted_tables:
        _add_missing_columns(connection, table)


def _add_missing_columns(connection: Connection, table: SchemaTable) -> None:
    """What a newer version knows of a table; it can be NULL, so rows of an older one are right."""
    rows = run(
        connection,
        "SELECT column_name FROM information_schema.columns"
        f" WHERE table_schema = {text_literal(SCHEMA)} AND table_name = {text_literal(table.name)}",
    ).rows
    known = {str(row[0]) for row in rows}
    for column in table.columns:
        if column.name not in known:
            kind = column.type.compile(dialect=connection.dialect)
            run(connection, f"ALTER TABLE {SCHEMA}.{table.name} ADD COLUMN {column.name} {kind}")


def is_installed(connection: Connection) -> bool:
    return _has_table(connection, "events")


def has_schedules(connection: Connection) -> bool:
    """Whether the control schema is there, and as new as schedules are."""
    return _has_table(connection, "schedules")


def _has_table(connection: Connection, name: str) -> bool:
    rows = run(
        connection,
        "SELECT 1 FROM information_schema.tables"
        f" WHERE table_schema = {text_literal(SCHEMA)} AND table_name = '{name}'",
    ).rows
    return bool(rows)


def create_migration(
    connection: Connection, request: Request, tables: Sequence[PlannedTable], who: str
) -> str:
    """Record a migration and lock its tables, all or nothing; its id.

    Raises:
        RefusedError: another migration holds one of the tables.
    """
    migration_id = secrets.token_hex(4)  # short enough to type, long enough never to meet another
    connection.execute(
        migrations.insert().values(
            id=migration_id, source=request.source, target=request.target, request=request,
            stage=Stage.PREPARING, stage_since=NOW, postponed=request.postpone_cut_over,
            abort_asked=False, attempt=0, created_at=NOW, created_by=who,
        )
    )  # fmt: skip
    for ordinal, table in enumerate(tables):
        _claim(connection, migration_id, request.source, table.definition.name)
        _insert_table(connection, migration_id, ordinal, table)
    log_event(connection, migration_id, EventKind.CREATED, _what(request), who)
    return migration_id


def _insert_table(
    connection: Connection, migration_id: str, ordinal: int, table: PlannedTable
) -> None:
    plan = table.alter_plan
    connection.execute(
        migration_tables.insert().values(
            migration_id=migration_id, ordinal=ordinal, definition=table_to_json(table.definition),
            target_schema=table.target.schema, target_name=table.target.name,
            rows_estimate=table.rows_estimate, bytes_estimate=table.bytes_estimate,
            created_by_us=False, planned=False, copied=False, chunk_rows=table.chunk_rows,
            alter_plan=plan.as_json() if plan is not None else None,
        )
    )  # fmt: skip


def _what(request: Request) -> str:
    if isinstance(request, AlterRequest):
        return f"alter {request.table} on {request.server}: {request.change}"
    names = ", ".join(str(name) for name in request.tables)
    return f"move {names} from {request.source} to {request.target}"


def _claim(connection: Connection, migration_id: str, source: str, name: TableName) -> None:
    try:
        connection.execute(
            claims.insert().values(
                source=source, schema_name=name.schema, table_name=name.name,
                migration_id=migration_id,
            )
        )  # fmt: skip
    except IntegrityError:
        other = claimed_by(connection, source, name)
        raise RefusedError(
            f"{name} belongs to migration {other}.",
            f"Wait for it, or end it with: tranship abort {other} && tranship clean-up {other}",
        ) from None


def claimed_by(connection: Connection, source: str, name: TableName) -> str | None:
    """The migration that holds a table of `source`, if any."""
    return connection.execute(
        select(claims.c.migration_id).where(
            claims.c.source == source,
            claims.c.schema_name == name.schema,
            claims.c.table_name == name.name,
        )
    ).scalar_one_or_none()


def written_by(connection: Connection, target: str, name: TableName) -> str | None:
    """The migration that has not ended and whose target table this is, if any."""
    return connection.execute(
        select(migrations.c.id)
        .join(migration_tables, migration_tables.c.migration_id == migrations.c.id)
        .where(
            migrations.c.target == target,
            migrations.c.stage.not_in(ENDED),
            migration_tables.c.target_schema == name.schema,
            migration_tables.c.target_name == name.name,
        )
        .limit(1)
    ).scalar_one_or_none()


def release_claims(connection: Connection, migration_id: str) -> None:
    connection.execute(delete(claims).where(claims.c.migration_id == migration_id))


def read_migration(connection: Connection, migration_id: str) -> Migration:
    """
    Raises:
        RefusedError: there is none of that id.
    """
    found = find_migration(connection, migration_id)
    if found is None:
        raise RefusedError(f"There is no migration {migration_id}.", "See: tranship list")
    return found


def find_migration(connection: Connection, migration_id: str) -> Migration | None:
    row = connection.execute(
        select(migrations, NOW.label("now")).where(migrations.c.id == migration_id)
    ).one_or_none()
    return Migration.from_row(row) if row else None


def all_migrations(connection: Connection) -> list[Migration]:
    rows = connection.execute(
        select(migrations, NOW.label("now")).order_by(migrations.c.created_at)
    )
    return [Migration.from_row(row) for row in rows]


def active_ids(connection: Connection, target: str) -> list[str]:
    """Migrations of `target` that `advance` has something to do for.

    A replica of a target has a copy of its control schema, which is not to be touched.
    """
    inactive = (*ENDED, Stage.FAILED)
    query = select(migrations.c.id).where(
        migrations.c.stage.not_in(inactive), migrations.c.target == target
    )
    return list(connection.execute(query).scalars())


def read_tables(connection: Connection, migration_id: str) -> list[MigrationTable]:
    rows = connection.execute(
        select(migration_tables)
        .where(migration_tables.c.migration_id == migration_id)
        .order_by(migration_tables.c.ordinal)
    )
    return [MigrationTable.from_row(row) for row in rows]


def update_table(connection: Connection, table_id: int, **values: Any) -> None:
    connection.execute(
        update(migration_tables).where(migration_tables.c.id == table_id).values(**values)
    )


def update_migration(connection: Connection, migration_id: str, **values: Any) -> None:
    """Change anything but the stage, which only `transition` changes."""
    if "stage" in values:
        raise DefectError("a stage is to be changed without a transition")
    connection.execute(update(migrations).where(migrations.c.id == migration_id).values(**values))


def postpone_migration(connection: Connection, migration_id: str) -> None:
    """Hold the cut-over back; who is to be told of that will be told, again if need be."""
    update_migration(connection, migration_id, postponed=True)
    forget_hook(connection, migration_id, Hook.BEGIN_POSTPONED)


def transition(
    connection: Connection, held: Lease, old: Stage, new: Stage, message: str, **values: Any
) -> None:
    """Move a migration from stage `old` to `new`, under the coordinator's lease.

    Raises:
        FencedError: it is no longer in `old`, or the lease is no longer ours.
    """
    fence(connection, held)
    matched = connection.execute(
        update(migrations)
        .where(migrations.c.id == held.migration_id, migrations.c.stage == old)
        .values(stage=new, stage_since=NOW, **values)
    )
    if matched.rowcount != 1:
        raise FencedError(f"Migration {held.migration_id} is no longer {old}.")
    what = f"{old} → {new}: {message}"
    log_event(connection, held.migration_id, EventKind.STAGE, what, held.owner)


def record_failure(connection: Connection, migration_id: str, failure: Failure) -> None:
    """Note why a migration can't go on; the coordinator acts on it. The first one stays."""
    matched = connection.execute(
        update(migrations)
        .where(
            migrations.c.id == migration_id,
            migrations.c.failure.is_(None),
            migrations.c.stage.not_in((*ENDED, Stage.FAILED)),
        )
        .values(failure=asdict(failure))
    )
    if matched.rowcount:
        text = f"{failure.explanation} {failure.remedy}"
        log_event(connection, migration_id, EventKind.FAILURE, text, failure.role)
