"""What a check is, what it may read, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from pipeline.domain.request import (
    AlterRequest,
    MigrationKind,
    MoveRequest,
    Request,
    alter_request,
    move_request,
)
from pipeline.errors import FatalError, RefusedError

if TYPE_CHECKING:  # the command line prints findings, and has no use for what finds them
    from sqlalchemy import Connection

    from pipeline.mysql.pools import Pools


class Scope(StrEnum):
    """When a check runs."""

    START = "start"  # before a migration is recorded
    POSITION = "position"  # once it is read where the stream begins: what came before is not in it
    RESUME = "resume"  # before one that has failed goes on
    CUT_OVER = "cut-over"  # before the source's tables are renamed


class Severity(StrEnum):
    """What a finding means for the migration."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    REFUSED = "refused"


@dataclass(frozen=True)
class Finding:
    """One result of a check: what, why it matters, what to do. `check` is the check's name."""

    severity: Severity
    explanation: str
    remedy: str = ""
    check: str = ""


@dataclass(frozen=True)
class CheckContext:
    """What a check may read. It changes nothing that stays: see registry.py."""

    pools: Pools
    request: Request

    @property
    def move(self) -> MoveRequest:
        """The request, in a check for moves only."""
        return move_request(self.request)

    @property
    def alter(self) -> AlterRequest:
        """The request, in a check for alters only."""
        return alter_request(self.request)

    @contextmanager
    def source(self) -> Iterator[Connection]:
        with self.pools.begin(self.request.source) as connection:
            yield connection

    @contextmanager
    def target(self) -> Iterator[Connection]:
        with self.pools.begin(self.request.target) as connection:
            yield connection


@dataclass(frozen=True)
class Check:
    """One function, its name, and for what and when it is called."""

    name: str
    run: Callable[[CheckContext], Iterable[Finding]]
    scopes: frozenset[Scope]
    kinds: frozenset[MigrationKind] = frozenset(MigrationKind)
    both_ways: bool = False  # asked of the other direction, too, if a way back is wanted

    def findings(self, context: CheckContext) -> list[Finding]:
        """What the check finds; one that is "ok" if it finds nothing.

        Raises:
            RetryableError: a server does not answer now.
        """
        try:
            found = list(self.run(context))
        except FatalError as error:
            found = [refused(error.explanation, error.remedy)]
        found = found or [Finding(Severity.OK, "no problems found.")]
        return [replace(finding, check=self.name) for finding in found]


def refused(explanation: str, remedy: str = "") -> Finding:
    return Finding(Severity.REFUSED, explanation, remedy)


def warning(explanation: str, remedy: str = "") -> Finding:
    return Finding(Severity.WARNING, explanation, remedy)


def info(explanation: str) -> Finding:
    return Finding(Severity.INFO, explanation)


def refuse(findings: Iterable[Finding]) -> None:
    """Raise the refusals among `findings`, all of them in one line.

    Raises:
        RefusedError: there is at least one.
    """
    refusals = [finding for finding in findings if finding.severity is Severity.REFUSED]
    if not refusals:
        return
    if len(refusals) == 1:
        raise RefusedError(refusals[0].explanation, refusals[0].remedy)
    listed = " ".join(
        f"({number}) {finding.explanation} {finding.remedy}".rstrip()
        for number, finding in enumerate(refusals, 1)
    )
    raise RefusedError(f"{len(refusals)} problems: {listed}")
