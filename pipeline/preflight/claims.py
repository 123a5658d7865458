"""Checks that no other migration has one of the tables, wherever its control schema is."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from pipeline.control.claims import claimed_by
from pipeline.control.install import is_installed
from pipeline.mysql.flavours import identity
from pipeline.mysql.pools import ask_every_server
from pipeline.mysql.table import TableName
from pipeline.preflight.findings import CheckContext, Finding, refused, warning

Place = tuple[str, str, TableName]  # the server's name and identity, and a table there


def unclaimed(context: CheckContext) -> Iterator[Finding]:
    """No other migration has one of the tables, on either side."""
    places = _places(context)

    def ask(connection: Connection, server: str) -> Iterator[tuple[str, Place]]:
        if not is_installed(connection, server):
            return
        for place in places:
            other = claimed_by(connection, place[1], place[2])
            if other is not None:
                yield other, place

    found, troubles = ask_every_server(context.pools, ask)
    # A replica of a target has a copy of its claims.
    for other, (server, _, name) in dict.fromkeys(found):
        yield refused(
            f"{name} on {server} belongs to migration {other}.",
            f"See: tranship status {other}. When it has ended: tranship clean-up {other}",
        )
    for server, error in troubles.items():
        yield warning(
            f"{server} can't say whether a migration there has one of the tables:"
            f" {error.explanation}",
            "Make sure that none has.",
        )


def _places(context: CheckContext) -> list[Place]:
    """Every table that would be claimed."""
    request = context.request
    with context.source() as source, context.target() as target:
        sides = (request.source, identity(source)), (request.target, identity(target))
    (source_name, source_id), (target_name, target_id) = sides
    return [
        place
        for name in request.tables
        for place in (
            (source_name, source_id, name),
            (target_name, target_id, request.target_name(name)),
        )
    ]
