"""What preflight says of a move or an alter, and servers that are set up otherwise for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.domain.request import MoveRequest, Request
from pipeline.mysql.flavours import variable
from pipeline.mysql.pools import Pools, run
from pipeline.preflight.findings import Finding, Scope, Severity
from pipeline.preflight.registry import run_preflight
from tests.support.moves import move_request

PLAIN = "CREATE TABLE {} (id INT PRIMARY KEY, v VARCHAR(9))"


def asked(schema: str, *tables: str) -> MoveRequest:
    return move_request(schema, *(tables or "t"))


def do(pools: Pools, server: str, *statements: str) -> None:
    for statement in statements:
        with pools.begin(server) as connection:
            run(connection, statement)


@contextmanager
def setting(pools: Pools, server: str, name: str, value: str) -> Iterator[None]:
    """A global variable, for as long as it takes. No session of ours inherits it later."""
    with pools.begin(server) as connection:
        before = variable(connection, name)
    do(pools, server, f"SET GLOBAL {name} = {value}")
    try:
        yield
    finally:
        do(pools, server, f"SET GLOBAL {name} = '{before}'" if not before.isdigit() else
           f"SET GLOBAL {name} = {before}")  # fmt: skip


def against(pools: Pools, request: Request, scope: Scope = Scope.START) -> dict[str, Finding]:
    """The refusals, by check."""
    findings = run_preflight(pools, request, scope)
    return {found.check: found for found in findings if found.severity is Severity.REFUSED}
