"""Starts a move: looks first, refuses what can't be moved exactly, and only then writes.

Everything up to `record_migration` reads. The migration and the claims on its tables are one
transaction, so a start that is interrupted leaves either a whole migration or none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from pipeline.alter.plan import plan_alter
from pipeline.control.migrations import NewTable, create_migration, install, new_id
from pipeline.domain.migration import Options
from pipeline.domain.request import Request
from pipeline.mysql.catalogue import table_facts
from pipeline.mysql.introspect import read_table_to_move
from pipeline.mysql.pools import Pools
from pipeline.mysql.table import Table, TableName
from pipeline.preflight.findings import Finding, Scope, Severity, refuse
from pipeline.preflight.registry import run_preflight


@dataclass(frozen=True)
class Plan:
    """What a move would do, and what speaks against it."""

    tables: tuple[NewTable, ...]
    findings: tuple[Finding, ...]


def examine(pools: Pools, request: Request) -> list[Finding]:
    """The preflight alone; writes nothing.

    Raises:
        RetryableError: a server does not answer.
    """
    return run_preflight(pools, request, Scope.START)


def plan_move(pools: Pools, request: Request, options: Options) -> Plan:
    """What `start_move` would do: no tables where it would refuse. Writes nothing."""
    findings = tuple(examine(pools, request))
    if any(finding.severity is Severity.REFUSED for finding in findings):
        return Plan((), findings)
    return Plan(tuple(_new_tables(pools, request, options)), findings)


def start_move(pools: Pools, request: Request, options: Options, postponed: bool, who: str) -> str:
    """Put the tables under migration (of an alter: the table); the coordinator does the rest.

    Returns:
        the new migration's id.

    Raises:
        RefusedError: preflight found a reason, or another migration holds a table.
    """
    plan = start_plan(pools, request, options)
    # DDL commits by itself, so the control schema can't be part of the transaction below.
    with pools.begin(request.target) as control:
        install(control)
    with pools.begin(request.target) as control:
        return record_migration(control, plan, options, postponed, who)


@dataclass(frozen=True)
class Startable:
    """What nothing speaks against."""

    request: Request
    tables: tuple[NewTable, ...]


def start_plan(pools: Pools, request: Request, options: Options) -> Startable:
    """Look at everything that a start looks at. Writes nothing.

    Raises:
        RefusedError: preflight found a reason.
    """
    refuse(examine(pools, request))
    return Startable(request, tuple(_new_tables(pools, request, options)))


def record_migration(
    control: Connection, plan: Startable, options: Options, postponed: bool, who: str
) -> str:
    """Record the migration and the claims on its tables, in the transaction that is open.

    Raises:
        RefusedError: another migration holds a table.
    """
    migration_id, request = new_id(), plan.request
    create_migration(
        control, migration_id, request.source, request.target, plan.tables, options, postponed,
        who, request.kind,
    )  # fmt: skip
    return migration_id


def _new_tables(pools: Pools, request: Request, options: Options) -> list[NewTable]:
    rows = options.chunk_rows or pools.settings.row_copy.chunk_rows
    with pools.begin(request.source) as source, pools.begin(request.target) as target:
        return [_new_table(source, target, request, name, options, rows) for name in request.tables]


def _new_table(
    source: Connection,
    target: Connection,
    request: Request,
    name: TableName,
    options: Options,
    chunk_rows: int,
) -> NewTable:
    table, plan = _table(source, target, name, options), None
    if request.alteration is not None:
        plan = plan_alter(source, name, request.alteration)
        table = replace(table, key=plan.kept.key)
        plan = plan.documents_as_text() if options.json_as_text else plan
    facts = table_facts(source, name)
    return NewTable(
        table=table,
        target=request.target_name(name),
        rows_estimate=facts.rows if facts else 0,
        bytes_estimate=facts.data_bytes if facts else 0,
        chunk_rows=chunk_rows,
        plan=plan,
    )


def _table(source: Connection, target: Connection, name: TableName, options: Options) -> Table:
    table = read_table_to_move(source, target, name)
    return table.documents_as_text() if options.json_as_text else table
