"""The list of migrations on all configured servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from pipeline.control.install import is_installed
from pipeline.control.migrations import all_migrations
from pipeline.control.summary import ids_beginning
from pipeline.control.totals import NO_COPY, Copied, copies_by_migration
from pipeline.domain.migration import Migration
from pipeline.domain.request import MigrationKind
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError, RetryableError, TranshipError
from pipeline.mysql.pools import Pools, ask_every_server
from pipeline.status.to_json import plain

SHORTEST_ID = 4


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
    rows_copied: int
    rows_estimate: int
    copied: bool
    now: datetime
    cleaned_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        return dict(plain(self))


def list_migrations(pools: Pools) -> tuple[list[Listed], dict[str, str]]:
    """Every migration on every configured server, and why servers could not be asked."""
    found, troubles = ask_every_server(pools, _listed)
    return found, {server: str(error) for server, error in troubles.items()}


def refuse_short(given: str) -> None:
    """An id may be shortened, but not to what anything begins with: `abort "$UNSET"`.

    Raises:
        RefusedError: it has fewer characters than a person would mean.
    """
    if not given:
        raise RefusedError("The id is empty.", "Is the variable set that it should come from?")
    if len(given) < SHORTEST_ID:
        raise RefusedError(
            f"'{given}' is too short for an id.", f"Give at least {SHORTEST_ID} characters of it."
        )


def find_target(pools: Pools, given: str) -> tuple[str, str]:
    """(target, full id) of the only migration whose id begins with `given`.

    Raises:
        RefusedError, RetryableError: as `refuse_short` and `only_match` do.
    """
    refuse_short(given)
    found, silent = ask_every_server(
        pools,
        lambda control, server: [
            (server, full_id) for full_id in ids_beginning(control, given, server)
        ],
    )
    return only_match(given, found, silent)


def only_match(
    given: str,
    found: Sequence[tuple[str, str]],
    silent: Mapping[str, TranshipError],
    what: str = "migration",
    listed_by: str = "tranship list",
) -> tuple[str, str]:
    """The one of `found`, all (target, full id), whose id begins with `given`.

    `silent` says why servers did not answer.

    Raises:
        RefusedError: there is none, or more than one; or it may be on one that can't be asked.
        RetryableError: there is none on the servers that answer, but some do not.
    """
    exact = [one for one in found if one[1] == given]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        names = ", ".join(full_id for _, full_id in found)
        raise RefusedError(f"'{given}' is the beginning of {names}.", "Give more of the id.")
    for error in silent.values():
        if isinstance(error, RetryableError):
            raise RetryableError(f"No {what} {given} on the servers that answer.", str(error))
    for error in silent.values():
        raise RefusedError(f"No {what} {given} on the servers that can be asked.", str(error))
    raise RefusedError(f"There is no {what} {given}.", f"See: {listed_by}")


def _listed(control: Connection, server: str) -> list[Listed]:
    if not is_installed(control, server):
        return []
    copies = copies_by_migration(control)
    return [_line(one, copies.get(one.id, NO_COPY)) for one in all_migrations(control, server)]


def _line(one: Migration, copy: Copied) -> Listed:
    return Listed(
        id=one.id, kind=one.kind, source=one.source, target=one.target,
        tables=tuple(str(name) for name in one.request.tables), stage=one.stage,
        since=one.stage_since, created_by=one.created_by,
        failed=one.failure.explanation if one.failure else None,
        rows_copied=copy.rows, rows_estimate=copy.estimate, copied=copy.complete,
        now=one.now, cleaned_at=one.cleaned_at,
    )  # fmt: skip
