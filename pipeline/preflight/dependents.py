"""Lists views, routines, events, triggers and grants that name a moved table: they stay behind."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.mysql.dependents import dependents, grantees
from pipeline.preflight.findings import CheckContext, Finding, warning

_SHOWN = 10


def named(context: CheckContext) -> Iterator[Finding]:
    """Whatever names a table is not moved; after the cut-over it names one that is not there."""
    with context.source() as source:
        for table in context.request.tables:
            found = [f"{one.kind} {one.name}" for one in dependents(source, table)]
            if found:
                yield warning(
                    f"{table} is named by {_listed(found)}, which stay on"
                    f" {context.request.source} and will not find it.",
                    "Create them on the target if they are needed there, and check what uses them.",
                )
            users = grantees(source, table)
            if users:
                yield warning(
                    f"{_listed(users)} have privileges on {table} itself, which are not moved.",
                    "Grant them on the target before the cut-over.",
                )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
