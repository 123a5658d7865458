"""Checks that no other migration has one of the tables, wherever its control schema is."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.control.claims import Held, find_claim
from pipeline.control.install import is_installed
from pipeline.mysql.flavours import identity
from pipeline.mysql.pools import ask_every_server
from pipeline.mysql.table import TableName
from pipeline.preflight.findings import CheckContext, Finding, refused, warning


@dataclass(frozen=True)
class Place:
    """A table that would be claimed; `identity` is its server's."""

    server: str
    identity: str
    name: TableName

    def __str__(self) -> str:
        return f"{self.name} on {self.server}"


@dataclass(frozen=True)
class Claimed:
    """What the control schema of server `by` says of a place."""

    place: Place
    held: Held
    by: str
    by_identity: str

    @property
    def copied(self) -> bool:
        """Whether another server has recorded it: `by` is, or was, a replica of that one."""
        return self.held.kept_on != self.by_identity


def unclaimed(context: CheckContext) -> Iterator[Finding]:
    """No other migration has one of the tables, on either side."""
    places = _places(context)
    answered: set[str] = set()

    def ask(connection: Connection, server: str) -> Iterator[Claimed]:
        here = identity(connection)
        answered.add(here)
        if not is_installed(connection, server):
            return
        for place in places:
            held = find_claim(connection, place.identity, place.name)
            if held is not None:
                yield Claimed(place, held, server, here)

    found, troubles = ask_every_server(context.pools, ask)
    yield from refusals(found, answered)
    for server, error in troubles.items():
        yield warning(
            f"{server} can't say whether a migration there has one of the tables:"
            f" {error.explanation}",
            "Make sure that none has.",
        )


def refusals(found: Collection[Claimed], answered: Collection[str]) -> Iterator[Finding]:
    """One for each place that is claimed; a copy counts only if its own server can't be asked."""
    told: set[tuple[Place, str]] = set()
    for one in sorted(found, key=lambda claimed: claimed.copied):
        known = (one.place, one.held.migration_id)
        if known in told or (one.copied and one.held.kept_on in answered):
            continue
        told.add(known)
        yield _refused_copy(one) if one.copied else _refused(one)


def _refused(one: Claimed) -> Finding:
    other = one.held.migration_id
    return refused(
        f"{one.place} belongs to migration {other}.",
        f"See: tranship status {other}. When it has ended: tranship clean-up {other}",
    )


def _refused_copy(one: Claimed) -> Finding:
    other = one.held.migration_id
    return refused(
        f"{one.place} belongs to migration {other}, as the control schema on {one.by} says. It was"
        f" copied from another server ({one.held.kept_on}), which no configured server is.",
        f"If that server still exists, configure it, so that it can be asked. If {one.by} has taken"
        f" its place: tranship status {other}. If nobody goes on with {other}, and {one.by} is no"
        f" replica any more, run on {one.by}: {one.held.forgetting}",
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
            Place(source_name, source_id, name),
            Place(target_name, target_id, request.target_name(name)),
        )
    ]
