"""What preflight is asked, what it answers, and what a check may look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from pipeline.domain.migration import MigrationKind
from pipeline.domain.request import AlterRequest, MoveRequest, Request, alter_request, move_request
from pipeline.errors import FatalError, RefusedError
from pipeline.mysql.pools import Pools


class Scope(StrEnum):
    """When a check is made."""

    START = "start"  # before a migration is recorded
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
    """One thing that was looked at: what, why it matters, what to do."""

    check: str
    severity: Severity
    explanation: str
    remedy: str = ""


@dataclass(frozen=True)
class Answer:
    """What a check returns; the registry adds the check's name."""

    severity: Severity
    explanation: str
    remedy: str = ""


@dataclass(frozen=True)
class CheckContext:
    """What a check may look at. It reads only."""

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
    """One function, its name, and when it is called."""

    name: str
    run: Callable[[CheckContext], Iterable[Answer]]
    scopes: frozenset[Scope]
    kinds: frozenset[MigrationKind] = frozenset(MigrationKind)

    def findings(self, context: CheckContext) -> list[Finding]:
        """What the check says; "ok" when it has nothing to say.

        Raises:
            RetryableError: a server does not answer now.
        """
        try:
            answers = list(self.run(context))
        except FatalError as error:
            answers = [refused(error.explanation, error.remedy)]
        return [
            Finding(self.name, answer.severity, answer.explanation, answer.remedy)
            for answer in answers or [Answer(Severity.OK, "nothing speaks against it.")]
        ]


def refused(explanation: str, remedy: str = "") -> Answer:
    return Answer(Severity.REFUSED, explanation, remedy)


def warning(explanation: str, remedy: str = "") -> Answer:
    return Answer(Severity.WARNING, explanation, remedy)


def info(explanation: str) -> Answer:
    return Answer(Severity.INFO, explanation)


def refuse(findings: Iterable[Finding]) -> None:
    """Raise the refusals among `findings`, all of them in one line.

    Raises:
        RefusedError: there is at least one.
    """
    against = [finding for finding in findings if finding.severity is Severity.REFUSED]
    if not against:
        return
    if len(against) == 1:
        raise RefusedError(against[0].explanation, against[0].remedy)
    said = " ".join(
        f"({number}) {finding.explanation} {finding.remedy}".rstrip()
        for number, finding in enumerate(against, 1)
    )
    raise RefusedError(f"{len(against)} things speak against it: {said}")
