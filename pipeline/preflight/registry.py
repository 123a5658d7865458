"""Every check and when it runs: before the start, before a resume, before the cut-over.

Preflight leaves nothing behind, and mostly only reads. An alter's checks also create a table of the
new definition, empty and under a name of its own, with the triggers that it will have, and drop it
again: the server says what it would make of the change. What can change while a table is being
copied (a trigger added, a privilege revoked, a name taken) is checked again right before the
source's tables are renamed, where stopping still costs nothing.

If a way back is wanted, what it needs of the new side is asked together with what the move needs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from pipeline.domain.request import MigrationKind, MoveRequest, Request, way_back_of
from pipeline.mysql.pools import Pools
from pipeline.preflight import (
    alter_back,
    alters,
    binlog,
    claims,
    constraints,
    dependents,
    documents,
    durability,
    flavours,
    foreign_keys,
    indexes,
    privileges,
    servers,
    settings,
    tables,
    throttle,
    triggers,
    way_back,
)
from pipeline.preflight.findings import Check, CheckContext, Finding, Scope

_START = frozenset({Scope.START})
_NOT_AT_CUT_OVER = frozenset({Scope.START, Scope.RESUME})
_LATER = frozenset(Scope) - _START
_AT_CUT_OVER = frozenset({Scope.CUT_OVER})
_ALWAYS = frozenset(Scope)
_MOVE = frozenset({MigrationKind.MOVE})
_ALTER = frozenset({MigrationKind.ALTER})

# In the order in which a person wants to read them.
CHECKS = (
    Check("version", servers.versions, _NOT_AT_CUT_OVER),
    Check("TLS", servers.encryption, _NOT_AT_CUT_OVER),
    Check("two servers", servers.two_servers, _NOT_AT_CUT_OVER, _MOVE),
    Check("replication", servers.replication, _ALWAYS, _MOVE),
    Check("read-only", servers.read_only, _ALWAYS),
    Check("names", servers.lower_case_names, _START, _MOVE),
    Check("auto_increment", servers.auto_increment, _START, _MOVE),
    Check("settings", settings.inherited, _NOT_AT_CUT_OVER),
    Check("packets", servers.packets, _NOT_AT_CUT_OVER, both_ways=True),
    Check("local_infile", servers.local_infile, _NOT_AT_CUT_OVER),
    Check("binary log", binlog.written, _ALWAYS, both_ways=True),
    Check("sessions", binlog.sessions, _NOT_AT_CUT_OVER, both_ways=True),
    Check("gtid", binlog.gtids, _ALWAYS, both_ways=True),
    Check("XA transactions", binlog.prepared, _START),
    Check("binlog filters", binlog.filters, _ALWAYS, both_ways=True),
    Check("durability", durability.durable, _NOT_AT_CUT_OVER),
    Check("binlog retention", binlog.retention, _NOT_AT_CUT_OVER, both_ways=True),
    Check("binary log of the target", binlog.of_target, _START, _MOVE),
    Check("privileges on the source", privileges.on_source, _ALWAYS, _MOVE, both_ways=True),
    Check("privileges on the target", privileges.on_target, _ALWAYS, _MOVE, both_ways=True),
    Check("privileges", privileges.on_one_server, _ALWAYS, _ALTER),
    Check("metadata locks", alters.metadata_locks, _ALWAYS, _ALTER),
    Check("write locks", alters.write_locks, _ALWAYS, _ALTER),
    Check("tables", tables.movable, _START),
    Check("flavours", flavours.between, _START, _MOVE),
    Check("documents", documents.exact, _START),
    Check("claims", claims.unclaimed, _START),
    Check("retired names", tables.retired_names_free, _ALWAYS, _MOVE, both_ways=True),
    Check("triggers", triggers.triggers, _ALWAYS, _MOVE),
    Check("foreign keys", foreign_keys.inside, _ALWAYS, _MOVE),
    Check("names of constraints", constraints.free_when_retired, _ALWAYS, _MOVE),
    Check("names of constraints", constraints.free_on_target, _START, _MOVE),
    Check("views, routines, grants", dependents.named, _START, _MOVE),
    Check("target tables", tables.targets_usable, _START, _MOVE),
    Check("target definitions", tables.targets_alike, _LATER, _MOVE),
    Check("deferred indexes", indexes.deferred, _START, _MOVE),
    Check("indexes", indexes.complete, _AT_CUT_OVER, _MOVE),
    Check("names beside the table", alters.names_free, _ALWAYS, _ALTER),
    Check("names of constraints", constraints.free_at_swap, _AT_CUT_OVER, _ALTER),
    Check("shadow", alters.shadow_free, _START, _ALTER),
    Check("triggers", alters.triggers, _ALWAYS, _ALTER),
    Check("foreign keys", alters.no_foreign_keys, _ALWAYS, _ALTER),
    Check("change", alters.change, _START, _ALTER),
    Check("space", tables.space, _START),
    Check("replicas", throttle.replicas, _NOT_AT_CUT_OVER),
    Check("status variables", throttle.status_variables, _NOT_AT_CUT_OVER),
    Check("old names", tables.old_names_free, _LATER, _MOVE),
    Check("way back", way_back.possible, _NOT_AT_CUT_OVER, _MOVE),
    Check("way back", alter_back.possible, _NOT_AT_CUT_OVER, _ALTER),
)
_OTHER_WAY = tuple(
    replace(check, name=f"way back: {check.name}") for check in CHECKS if check.both_ways
)


def run_preflight(pools: Pools, request: Request, scope: Scope) -> list[Finding]:
    """What the checks of `scope` find about `request`, in their order. Nothing of it stays.

    Raises:
        RetryableError: a server does not answer now.
        RefusedError: a server refuses the login.
    """
    context = CheckContext(pools, request)
    with context.source(), context.target():
        pass  # an unreachable server is one error, not one for each check
    found = _findings(CHECKS, context, scope)
    # An alter's way back is on the same server, and asks nothing more of it.
    if isinstance(request, MoveRequest) and request.way_back_s is not None and request.back is None:
        back = way_back_of(request, migration_id="", until=datetime.now(UTC))
        found += _findings(_OTHER_WAY, CheckContext(pools, back), scope)
    return found


def _findings(checks: Iterable[Check], context: CheckContext, scope: Scope) -> list[Finding]:
    return [
        finding
        for check in checks
        if scope in check.scopes and context.request.kind in check.kinds
        for finding in check.findings(context)
    ]
