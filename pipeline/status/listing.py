"""What migrations there are, on all configured servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from pipeline.control.migrations import all_migrations, is_installed
from pipeline.control.summary import ids_beginning, tables_by_migration
from pipeline.domain.migration import MigrationKind
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError, RetryableError
from pipeline.mysql.pools import Pools, ask_every_server
from pipeline.status.to_json import plain


@dataclass(frozen=True)
class Listed:
    """One line of `tranship list`."""

    id: str
    kind: MigrationKind
    source: str
    target: str
    tables: tuple[str, ...]
    stage: Stage
    since: datetime
    created_by: str
    failed: str | None

    def as_json(self) -> dict[str, Any]:
        return {name: plain(value) for name, value in asdict(self).items()}


def list_migrations(pools: Pools) -> tuple[list[Listed], dict[str, str]]:
    """Every migration on every configured server, and why servers could not be asked."""
    return ask_every_server(pools, _listed)


def find_target(pools: Pools, given: str) -> tuple[str, str]:
    """(target, whole id) of the only migration whose id begins with `given`.

    Raises:
        RefusedError, RetryableError: as `only_match` does.
    """
    found, silent = ask_every_server(
        pools,
        lambda control, server: [
            (server, whole) for whole in ids_beginning(control, given, server)
        ],
    )
    return only_match(given, found, silent)


def only_match(
    given: str, found: Sequence[tuple[str, str]], silent: Mapping[str, str]
) -> tuple[str, str]:
    """The one of `found` that is meant: (target, whole id), of those whose ids begin with `given`.

    `silent` says, of each server that did not answer, why.

    Raises:
        RefusedError: there is none, or more than one.
        RetryableError: there is none on the servers that answer, and one doesn't.
    """
    exact = [one for one in found if one[1] == given]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        names = ", ".join(whole for _, whole in found)
        raise RefusedError(f"'{given}' is the beginning of {names}.", "Give more of the id.")
    if silent:
        raise RetryableError(
            f"No migration {given} on the servers that answer.", next(iter(silent.values()))
        )
    raise RefusedError(f"There is no migration {given}.", "See: tranship list")


def _listed(control: Connection, server: str) -> list[Listed]:
    if not is_installed(control):
        return []
    tables = tables_by_migration(control)
    return [
        Listed(
            one.id, one.kind, one.source, one.target, tuple(tables.get(one.id, ())), one.stage,
            one.stage_since, one.created_by, one.failure.explanation if one.failure else None,
        )
        for one in all_migrations(control)
        if one.target == server  # a server may be configured under two names
    ]  # fmt: skip
