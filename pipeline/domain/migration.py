"""What the control schema says, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.domain.alter_plan import AlterPlan
from pipeline.domain.names import alter_retired_name, retired_name_of
from pipeline.domain.request import MigrationKind as MigrationKind
from pipeline.domain.request import Request
from pipeline.domain.role import Role
from pipeline.domain.stages import MAY_BE_RETIRED, Stage
from pipeline.mysql.table import Table, TableName, table_from_json


@dataclass(frozen=True)
class Failure:
    """Why a migration stopped, and what to do."""

    role: Role
    explanation: str
    remedy: str


@dataclass(frozen=True)
class Migration:
    """One row of `migration`."""

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
    first_attempt_at: datetime | None
    held_s: float | None
    renamed_at: datetime | None
    drain_gtids: str | None
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

    @classmethod
    def from_row(cls, row: Any) -> Migration:
        values = dict(row._mapping)
        for name in ("stage", "resume_stage", "after_restore"):
            values[name] = Stage(values[name]) if values[name] else None
        values["failure"] = Failure(**values["failure"]) if values["failure"] else None
        return cls(**values)


@dataclass(frozen=True)
class PlannedTable:
    """A table about to be put under migration."""

    definition: Table
    target: TableName
    rows_estimate: int
    bytes_estimate: int
    chunk_rows: int
    alter_plan: AlterPlan | None = None  # alter only


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
    alter_plan: AlterPlan | None = None  # of an alter

    @property
    def target_table(self) -> Table:
        """The target's definition of what is copied; `target` is its name there."""
        return self.alter_plan.shadow if self.alter_plan is not None else self.definition

    @property
    def source(self) -> TableName:
        return self.definition.name

    @property
    def retired_name(self) -> TableName:
        """The source table's name once it has been cut over."""
        name = self.definition.name
        return retired_name_of(name) if self.alter_plan is None else alter_retired_name(name)

    @classmethod
    def from_row(cls, row: Any) -> MigrationTable:
        values = dict(row._mapping)
        values["definition"] = table_from_json(values["definition"])
        plan = values["alter_plan"]
        values["alter_plan"] = AlterPlan.from_json(plan) if plan else None
        values["target"] = TableName(values.pop("target_schema"), values.pop("target_name"))
        return cls(**values)


def source_name(stage: Stage, table: MigrationTable) -> TableName:
    """Where a table's rows are on the source in this stage."""
    if table.alter_plan is not None:  # no stage that reads rows comes after the swap
        return table.source
    return table.retired_name if stage in MAY_BE_RETIRED else table.source
