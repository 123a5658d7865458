"""Starts a move: looks first, refuses what can't be moved exactly, and only then writes.

Everything up to `_record` reads. The migration and the claims on its tables are one
transaction, so a start that is interrupted leaves either a whole migration or none.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.control.migrations import NewTable, create_migration, install, new_id
from pipeline.control.records import Options
from pipeline.mysql.catalogue import table_facts
from pipeline.mysql.introspect import read_table_to_move
from pipeline.mysql.pools import Pools
from pipeline.mysql.table import Table, TableName
from pipeline.preflight.findings import Finding, MoveRequest, Scope, Severity, refuse
from pipeline.preflight.registry import run_preflight


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
    return run_preflight(pools, request, Scope.START)


def plan_move(pools: Pools, request: MoveRequest, options: Options) -> Plan:
    """What `start_move` would do: no tables where it would refuse. Writes nothing."""
    findings = tuple(examine(pools, request))
    if any(finding.severity is Severity.REFUSED for finding in findings):
        return Plan((), findings)
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
    rows = options.chunk_rows or pools.settings.row_copy.chunk_rows
    with pools.begin(request.source) as source, pools.begin(request.target) as target:
        return [
            NewTable(
                table=_table(source, target, name, options),
                target=request.target_name(name),
                **_estimates(source, name),
                chunk_rows=rows,
            )
            for name in request.tables
        ]


def _table(source: Connection, target: Connection, name: TableName, options: Options) -> Table:
    table = read_table_to_move(source, target, name)
    return table.documents_as_text() if options.json_as_text else table


def _estimates(source: Connection, name: TableName) -> dict[str, int]:
    facts = table_facts(source, name)
    return {
        "rows_estimate": facts.rows if facts else 0,
        "bytes_estimate": facts.data_bytes if facts else 0,
    }
