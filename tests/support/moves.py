"""Starts moves and follows them, through the control schema alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pymysql

from pipeline.control.events import read_events
from pipeline.control.install import install
from pipeline.control.migrations import create_migration, read_migration
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook
from pipeline.domain.migration import Migration, PlannedTable
from pipeline.domain.request import MoveRequest
from pipeline.domain.stages import Stage
from pipeline.domain.window import Window
from pipeline.errors import RetryableError
from pipeline.mysql.catalogue import table_identity
from pipeline.mysql.flavours import identity
from pipeline.mysql.introspect import read_table_to_move
from pipeline.mysql.pools import Pools
from pipeline.mysql.servers import definition_text
from pipeline.mysql.table import TableName

SOURCE, TARGET = "old", "new"


def begin_move(
    pools: Pools,
    schema: str,
    tables: Iterable[str],
    *,
    chunk_rows: int = 500,
    postponed: bool = False,
    hooks: Mapping[Hook, str] = {},
    window: str | None = None,
    defer_secondary_indexes: bool = False,
    with_triggers: bool = False,
    way_back_s: float | None = None,
) -> str:
    """Record a move of `tables`; whoever runs the workers does the rest."""
    with pools.begin(SOURCE) as source, pools.begin(TARGET) as target:
        definitions = [
            read_table_to_move(source, target, TableName(schema, name)) for name in tables
        ]
        texts = {table.name: definition_text(source, table.name) for table in definitions}
        source_identity = identity(source)
    with pools.begin(TARGET) as control:
        install(control, TARGET)
    request = move_request(
        schema, *(table.name.name for table in definitions), postpone_cut_over=postponed,
        hooks=hooks, with_triggers=with_triggers,
        defer_secondary_indexes=defer_secondary_indexes, way_back_s=way_back_s,
        cut_over_window=None if window is None else Window.parse(window),
    )  # fmt: skip
    with pools.begin(TARGET) as control:
        planned = [
            PlannedTable(
                table, table.name, 0, 0, chunk_rows, texts[table.name],
                target_identity=table_identity(control, table.name),
            )
            for table in definitions
        ]  # fmt: skip
        return create_migration(control, request, planned, "test", source_identity)


def move_request(schema: str, *tables: str, **others: Any) -> MoveRequest:
    """A move of tables of one schema."""
    names = tuple(TableName(schema, name) for name in tables)
    return MoveRequest(source=SOURCE, target=TARGET, tables=names, **others)


def read(pools: Pools, migration_id: str, target: str = TARGET) -> Migration:
    with pools.begin(target) as control:
        migration = read_migration(control, migration_id)
    assert migration is not None
    return migration


def wait_for(
    pools: Pools,
    migration_id: str,
    *stages: Stage,
    limit_s: float = 90,
    logs: Callable[[], str] = str,
    target: str = TARGET,
) -> Migration:
    """Wait until the migration is in one of `stages`; fails with its story if it isn't."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            migration = read(pools, migration_id, target)
        except RetryableError:  # a server that the test has just killed and started
            assert time.monotonic() < deadline, logs()
            time.sleep(0.2)
            continue
        if migration.stage in stages:
            return migration
        hopeless = migration.stage in (Stage.FAILED, Stage.DONE, Stage.ABORTED)
        if hopeless or time.monotonic() > deadline:
            raise AssertionError(
                f"{migration.stage} instead of {stages}: {migration.failure}\n"
                f"{story(pools, migration_id, target)}\n{logs()}"
            )
        time.sleep(0.05)


def wait_until(condition: Callable[[], Any], what: str, limit_s: float = 60) -> Any:
    """Poll `condition` until it holds."""
    deadline = time.monotonic() + limit_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {limit_s} s in vain: {what}"
        time.sleep(0.05)
    return value


def story(pools: Pools, migration_id: str, target: str = TARGET) -> str:
    """The event log."""
    with pools.begin(target) as control:
        events = read_events(control, migration_id)
    return "\n".join(f"{event.at} {event.kind}: {event.message}" for event in events)


def read_alarms(pools: Pools, migration_id: str) -> str:
    """What somebody has to look at."""
    with pools.begin(TARGET) as control:
        events = read_events(control, migration_id)
    return "\n".join(event.message for event in events if event.kind is EventKind.ALARM)


def scalar(connection: pymysql.Connection[Any], statement: str) -> Any:
    """One value, read in a fresh snapshot."""
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    return row[0] if row else None
