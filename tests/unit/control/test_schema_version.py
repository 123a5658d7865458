"""A control schema that changed under an old number would be read, and written, as the old one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2s
from typing import Any

from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateTable

from pipeline.control.schema import (
    VERSION,
    index_builds,
    metadata,
    migration_tables,
    migrations,
    throttles,
)
from pipeline.domain.alter_plan import AlterPlan, Fill
from pipeline.domain.hook_names import Hook
from pipeline.domain.migration import DdlConnection, Failure, RunningSearch
from pipeline.domain.reading import Reading, Signal
from pipeline.domain.request import way_back_of
from pipeline.domain.role import Role
from pipeline.domain.way_back import StreamStart
from pipeline.domain.window import Window
from pipeline.mysql.indexes import DeferredIndex
from pipeline.mysql.server_run import ServerRun
from pipeline.mysql.table import Column, Key, Table, TableName, ValueKind
from tests.support.examples import ALTER, MOVE

_SHAPES = {
    1: "3a78b2e4c0f09875",
    2: "8945606113908b34",
    3: "6822d626729254c4",
    4: "bd26df55e7783f8c",
}

_TABLE = Table(
    TableName("s", "t"),
    (Column("id", ValueKind.INTEGER, "int", "int", nullable=False),),
    Key("PRIMARY", ("id",)),
)
_MOMENT = datetime(2026, 1, 2, tzinfo=UTC)
_PLAN = AlterPlan(
    "FORCE", _TABLE, _TABLE, (Fill("c", "0"),), False, ("id",), ("u",), carried=_TABLE.columns
)
_RUN = ServerRun("u", 1, lax=False)
_OBSTACLE = Failure(Role.COORDINATE, "why not", "what to do first")
_TERMS: Any = {"hooks": {Hook.STARTUP: "x"}, "cut_over_window": Window.parse("02:00-04:00")}
# One of each value that a JSON column holds, with nothing left out.
_VALUES: tuple[tuple[Any, Any], ...] = (
    (migration_tables.c.definition, _TABLE),
    (migration_tables.c.alter_plan, _PLAN),
    (migrations.c.request, replace(MOVE, **_TERMS)),
    (migrations.c.request, way_back_of(MOVE, "m1", _MOMENT)),
    (migrations.c.request, way_back_of(ALTER, "m1", _MOMENT)),
    (migrations.c.request, replace(ALTER, renames={"a": "b"}, **_TERMS)),
    (migrations.c.ddl_connection, DdlConnection("new", 1, _MOMENT)),
    (migrations.c.log_search, RunningSearch("new", _MOMENT, _MOMENT, 1, 2)),
    (migrations.c.way_back_start, StreamStart("u:1-2", ("x",), "u", "l", 1.5)),
    (migration_tables.c.returns_to, TableName("s", "t")),
    (migrations.c.failure, Failure(Role.COPY, "why", "what to do", obstacle=_OBSTACLE)),
    (index_builds.c.indexes, (DeferredIndex("i", "KEY `i` (`a`)"),)),
    (throttles.c.reasons, (Reading(Signal.LOAD, 2, 1, "new", "Threads_running"),)),
)


def shape() -> str:
    """A digest of the tables' definitions, and of how values are written as JSON."""
    dialect = mysql.dialect()
    tables = [str(CreateTable(one).compile(dialect=dialect)) for one in metadata.sorted_tables]
    values = [column.type.process_bind_param(value, dialect) for column, value in _VALUES]
    return blake2s(f"{tables}{values}".encode(), digest_size=8).hexdigest()


def test_whoever_changes_what_is_stored_raises_the_version() -> None:
    """Raise VERSION in pipeline/control/schema.py, and note its shape in _SHAPES.

    As long as no release has that version, it is enough to correct the shape.
    """
    assert _SHAPES[VERSION] == shape()
