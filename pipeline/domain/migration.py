"""A migration and its tables, as the control schema has them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from pipeline.domain.alter_plan import AlterPlan
from pipeline.domain.names import retired_beside, retired_name_of
from pipeline.domain.request import MigrationKind, Request
from pipeline.domain.role import Role
from pipeline.domain.stages import MAY_BE_RETIRED, Stage
from pipeline.domain.way_back import StreamStart
from pipeline.errors import StartOverError, TranshipError
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.table import Table, TableName


@dataclass(frozen=True)
class Failure:
    """Why a migration has stopped, and what to do; an abort, if it is not `resumable`.

    `obstacle`: in RESTORING, why the source can't be given its tables back; that is to be seen to
    first.
    """

    role: Role
    explanation: str
    remedy: str
    resumable: bool = True
    obstacle: Failure | None = None

    @property
    def to_fix_first(self) -> Failure:
        return self.obstacle or self

    @classmethod
    def of(cls, role: Role, error: TranshipError) -> Failure:
        """The failure of whoever had `role` when `error` came."""
        resumable = not isinstance(error, StartOverError)
        return cls(role, error.explanation, error.remedy, resumable)


@dataclass(frozen=True)
class DdlConnection:
    """The only connection that may send DDL, and since when it is there (step/ddl.py)."""

    server: str
    number: int
    since: datetime


@dataclass(frozen=True)
class RunningSearch:
    """How far the search of a server's binary log is (cutover/search_notes.py)."""

    server: str
    since: datetime
    at: datetime  # when the rest was noted
    read: int  # transactions
    total: int

    @property
    def seconds(self) -> float:
        return (self.at - self.since).total_seconds()


@dataclass(frozen=True)
class Migration:
    """One migration: a row of the table `migrations`."""

    id: str
    source: str
    target: str
    stage: Stage
    stage_since: datetime
    resume_stage: Stage | None
    after_restore: Stage | None
    request: Request
    postponed: bool
    abort_asked: bool
    attempt: int
    retry_at: datetime | None
    rename_connection: int | None
    lock_connection: int | None
    ddl_connection: DdlConnection | None
    first_attempt_at: datetime | None
    blocked_at: datetime | None  # since when writes are blocked
    drain_gtids: GtidSet | None
    way_back_start: StreamStart | None  # once proved, if a way back is wanted
    log_search: RunningSearch | None  # for people
    failure: Failure | None
    created_at: datetime
    created_by: str
    cleaned_at: datetime | None
    now: datetime  # the control server's clock, read with the row

    @property
    def kind(self) -> MigrationKind:
        return self.request.kind

    @property
    def in_window(self) -> bool:
        """Whether a cut-over may begin now, by the control server's clock."""
        window = self.request.cut_over_window
        return window is None or window.contains(self.now)


@dataclass(frozen=True)
class PlannedTable:
    """A table that is about to be put under migration."""

    definition: Table
    target: TableName
    rows_estimate: int
    bytes_estimate: int
    chunk_rows: int
    definition_text: str  # as the source's server writes it
    alter_plan: AlterPlan | None = None  # alter only
    target_identity: str | None = None  # of a target table that is there already
    source_identity: str | None = None  # way back only: known before its cut-over
    returns_to: TableName | None = None  # way back only: what the target table is called then


@dataclass(frozen=True)
class Placement:
    """The facts about a table in which a move and an alter differ."""

    target_table: Table
    retired_name: TableName
    live_name: TableName  # the target table's name once it has been cut over
    key_model: TableName  # the table on the target's server whose key the control tables copy
    swapped: bool  # its name goes to the target table at the cut-over; until then it keeps it
    change: str | None  # alter only: what is asked of the table
    carries: bool  # its target's rows hold more than the source's


@dataclass(frozen=True)
class MigrationTable:
    """One table of a migration."""

    id: int
    migration_id: str
    ordinal: int
    definition: Table
    target: TableName
    rows_estimate: int
    bytes_estimate: int
    created_by_us: bool
    planned: bool
    copied: bool
    chunk_rows: int
    definition_text: str  # as the source's server writes it
    alter_plan: AlterPlan | None = None  # alter only
    target_identity: str | None = None  # the very table that is filled, whatever is called so later
    source_identity: str | None = None  # the very table that gets the retired name
    returns_to: TableName | None = None  # way back only: what the target is called after it

    @property
    def source(self) -> TableName:
        return self.definition.name

    @cached_property
    def placement(self) -> Placement:
        plan = self.alter_plan
        return _moved(self) if plan is None else _altered(self, plan)

    @property
    def may_warn_on_write(self) -> bool:
        """Whether a write to the target may warn and still be right (mysql/table.py)."""
        plan = self.alter_plan
        beyond = plan is not None and plan.may_warn_on_write
        return beyond or self.definition.may_warn_on_write

    @property
    def keeps_differences(self) -> bool:
        """Whether what differs on the target is for a person to look at, and not to be repaired.

        It is on an alter's way back: what only the old table holds may have been acknowledged.
        """
        return self.returns_to is not None and self.placement.swapped

    @property
    def target_table(self) -> Table:
        """The target's definition of what is copied; `target` is its name there."""
        return self.placement.target_table

    @property
    def swapped_in(self) -> MigrationTable:
        """Alter only: the same once the shadow has the table's name."""
        return replace(self, target=self.source)

    @property
    def retired_name(self) -> TableName:
        """The source table's name once it has been cut over."""
        return self.placement.retired_name

    @property
    def live_name(self) -> TableName:
        """The target table's name once it has been cut over."""
        return self.placement.live_name

    @property
    def blocked_name(self) -> TableName:
        """Where the source's rows are while writes are blocked."""
        return self.source if self.placement.swapped else self.retired_name


def _moved(table: MigrationTable) -> Placement:
    return Placement(
        target_table=table.definition,
        retired_name=retired_name_of(table.source),
        live_name=table.returns_to or table.target,
        key_model=table.returns_to or table.target,
        swapped=False,
        change=None,
        carries=False,
    )


def _altered(table: MigrationTable, plan: AlterPlan) -> Placement:
    return Placement(
        target_table=plan.shadow,
        retired_name=retired_beside(table.source, table.target),
        live_name=table.source,
        key_model=table.source,
        swapped=True,
        change=plan.ddl,
        carries=bool(plan.carried),
    )


def source_name(stage: Stage, table: MigrationTable) -> TableName:
    """Where a table's rows are on the source in this stage."""
    return table.blocked_name if stage in MAY_BE_RETIRED else table.source
