"""Starts a migration: checks first, refuses what can't be moved exactly, and only then writes.

Everything before `recording` leaves nothing behind: preflight tries an alter on a table that it
drops again. `recording` first creates a move's target tables on trial, and drops them (`preview`
does so, too). The migration and the claims on its tables are one transaction, so an interrupted
start leaves either a complete migration or none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from pipeline.alter.plan import plan_alter
from pipeline.configuration.settings import Copy
from pipeline.control.install import install
from pipeline.control.migrations import create_migration
from pipeline.copy.chunker import first_chunk_rows
from pipeline.domain.migration import PlannedTable
from pipeline.domain.request import AlterRequest, MoveRequest, Request
from pipeline.errors import RefusedError, RetryableError
from pipeline.mysql.catalogue import table_facts, table_identity
from pipeline.mysql.failures import driver_errors
from pipeline.mysql.flavours import identity
from pipeline.mysql.introspect import read_table_to_move
from pipeline.mysql.pools import Pools, end_of_work, run
from pipeline.mysql.servers import definition_text, stored_name
from pipeline.mysql.table import TableName
from pipeline.preflight.claims import unclaimed
from pipeline.preflight.findings import Check, CheckContext, Finding, Scope, Severity, refuse
from pipeline.preflight.registry import run_preflight
from pipeline.preflight.rehearsal import created, created_if_installed

_LOCK = "tranship start"
_LOCK_WAIT_S = 10


@dataclass(frozen=True)
class Plan:
    """What a request would do, and what preflight has found; no tables if it would be refused."""

    request: Request
    tables: tuple[PlannedTable, ...]
    findings: tuple[Finding, ...]


def examine(pools: Pools, request: Request) -> list[Finding]:
    """Preflight alone; nothing of it stays.

    Raises:
        RetryableError: a server does not answer.
    """
    return run_preflight(pools, as_stored(pools, request), Scope.START)


def as_stored(pools: Pools, request: Request) -> Request:
    """The request, with the tables' names as the source has stored them.

    Raises:
        RetryableError: the source does not answer.
    """
    with pools.begin(request.source) as source:
        tables = tuple(stored_name(source, name) for name in request.tables)
    if isinstance(request, MoveRequest):
        return replace(request, tables=tables)
    return replace(request, table=tables[0])


def make_plan(pools: Pools, request: Request) -> Plan:
    """What `start` would do. Nothing of it stays."""
    request = as_stored(pools, request)
    findings = tuple(run_preflight(pools, request, Scope.START))
    if any(finding.severity is Severity.REFUSED for finding in findings):
        return Plan(request, (), findings)
    return Plan(request, _planned_tables(pools, request), findings)


def preview(pools: Pools, request: Request) -> Plan:
    """What `start` would do, its trials included. Writes nothing that stays."""
    plan = make_plan(pools, request)
    if not plan.tables or not isinstance(plan.request, MoveRequest):
        return plan
    check = Check("definitions", created_if_installed, frozenset({Scope.START}))
    tried = check.findings(CheckContext(pools, plan.request))
    refuses = any(finding.severity is Severity.REFUSED for finding in tried)
    tables = () if refuses else plan.tables
    return Plan(plan.request, tables, (*plan.findings, *tried))


def start(pools: Pools, request: Request, who: str) -> str:
    """Put the tables under migration; the coordinator does the rest.

    Returns:
        the new migration's id.

    Raises:
        RefusedError: preflight has found a problem, or another migration holds a table.
    """
    plan = make_plan(pools, request)
    refuse(plan.findings)  # before the control schema is created
    # DDL commits by itself, so the control schema can't be part of the transaction below.
    with pools.begin(request.target) as control:
        install(control, request.target)
    with recording(pools, plan, who) as (_, migration_id):
        return migration_id


@contextmanager
def recording(pools: Pools, plan: Plan, who: str) -> Iterator[tuple[Connection, str]]:
    """The transaction that has recorded the migration and the claims on its tables; and its id.

    Two targets do not see each other's claims in time. So all starts from one source come one after
    the other, by a lock there, and each looks for claims on every server before it records its own.

    Raises:
        RefusedError: preflight has found a problem, or another migration holds a table.
        RetryableError: the lock was lost; nothing is recorded.
    """
    refuse(plan.findings)
    request = plan.request
    if isinstance(request, MoveRequest):
        refuse(created(CheckContext(pools, request)))
    with _start_lock(pools, request.source) as source:
        refuse(unclaimed(CheckContext(pools, request)))
        with pools.begin(request.target) as control:
            migration_id = create_migration(control, request, plan.tables, who, identity(source))
            yield control, migration_id
            _require_lock(source)


@contextmanager
def _start_lock(pools: Pools, server: str) -> Iterator[Connection]:
    """The only start from `server`. The lock ends with its session, whose end is no trouble."""
    with driver_errors(server), pools.engine(server).connect() as source:
        try:
            if not run(source, f"SELECT GET_LOCK('{_LOCK}', {_LOCK_WAIT_S})").rows[0][0]:
                raise RefusedError("Another start from this source is going on.", "Try again.")
            yield source
        finally:
            end_of_work(source)


def _require_lock(source: Connection) -> None:
    if not run(source, f"SELECT IS_USED_LOCK('{_LOCK}') = CONNECTION_ID()").rows[0][0]:
        raise RetryableError("The lock of this start was lost.", "Try again.")


def _planned_tables(pools: Pools, request: Request) -> tuple[PlannedTable, ...]:
    with pools.begin(request.source) as source, pools.begin(request.target) as target:
        return tuple(
            _planned_table(source, target, request, name, pools.settings.row_copy)
            for name in request.tables
        )


def _planned_table(
    source: Connection, target: Connection, request: Request, name: TableName, row_copy: Copy
) -> PlannedTable:
    table, plan = read_table_to_move(source, target, name), None
    if isinstance(request, AlterRequest):
        plan = plan_alter(source, request)
        table = replace(table, key=plan.kept.key)
    if request.json_as_text:
        table = table.documents_as_text()
    facts = table_facts(source, name)
    rows, size = (facts.rows, facts.data_bytes) if facts else (0, 0)
    return PlannedTable(
        definition=table,
        target=request.target_name(name),
        rows_estimate=rows,
        bytes_estimate=size,
        chunk_rows=request.chunk_rows or first_chunk_rows(row_copy, rows, size),
        definition_text=definition_text(source, name),
        alter_plan=plan,
        target_identity=table_identity(target, request.target_name(name)),
    )
