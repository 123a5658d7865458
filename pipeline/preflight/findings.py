"""What preflight is asked, what it answers, and what a check may look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from pipeline.control.records import Kind, Migration, Moved, shadow_name
from pipeline.errors import FatalError, RefusedError
from pipeline.mysql.pools import Pools
from pipeline.mysql.table import TableName
from pipeline.rebuild.plan import Alteration


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
class Request:
    """What is asked for. `target_schema` None: the schema of the source.

    Of an alter `alteration` says what, and source and target are one server.
    """

    source: str
    target: str
    tables: tuple[TableName, ...]
    target_schema: str | None = None
    with_triggers: bool = False
    json_as_text: bool = False
    alteration: Alteration | None = None
    force: bool = False  # what blocks the cut-over may be killed

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Request:
        """What `as_json` made, once more."""
        asked = value["alteration"]
        alteration = None
        if asked is not None:
            renames = tuple((old, new) for old, new in asked["renames"])
            alteration = Alteration(asked["ddl"], renames, tuple(asked["accepted"]))
        tables = tuple(TableName(**name) for name in value["tables"])
        return cls(**{**value, "tables": tables, "alteration": alteration})

    @property
    def kind(self) -> Kind:
        return Kind.MOVE if self.alteration is None else Kind.ALTER

    @classmethod
    def of(cls, migration: Migration, moved: Sequence[Moved]) -> Request:
        """The request that led to `migration`."""
        elsewhere = {one.target.schema for one in moved if one.target.schema != one.source.schema}
        tables = tuple(one.source for one in moved)
        schema = next(iter(elsewhere), None)
        options, rebuild = migration.options, moved[0].rebuild
        return cls(
            migration.source, migration.target, tables, schema, options.with_triggers,
            options.json_as_text, None if rebuild is None else Alteration(rebuild.ddl),
            options.force_after_s is not None,
        )  # fmt: skip

    def target_name(self, table: TableName) -> TableName:
        if self.alteration is not None:
            return shadow_name(table)
        return TableName(self.target_schema or table.schema, table.name)


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
class Inquiry:
    """What a check may look at. It reads only."""

    pools: Pools
    request: Request

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
    look: Callable[[Inquiry], Iterable[Answer]]
    scopes: frozenset[Scope]
    kinds: frozenset[Kind] = frozenset(Kind)

    def findings(self, inquiry: Inquiry) -> list[Finding]:
        """What the check says; "ok" when it has nothing to say.

        Raises:
            RetryableError: a server does not answer now.
        """
        try:
            answers = list(self.look(inquiry))
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
