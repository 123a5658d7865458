"""What the control schema says, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pipeline.domain.alter_plan import AlterPlan
from pipeline.domain.names import alter_retired_name, retired_name_of
from pipeline.domain.role import Role
from pipeline.domain.stages import MAY_BE_RETIRED, Stage
from pipeline.mysql.table import Table, TableName, table_from_json


class MigrationKind(StrEnum):
    """What a migration does; the two differ in how they write, and in how they cut over."""

    MOVE = "move"  # tables go to another server
    ALTER = "alter"  # one table is rebuilt in place


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line, kept for the length of the migration."""

    hooks: dict[str, str] = field(default_factory=dict)
    chunk_rows: int | None = None
    with_triggers: bool = False
    json_as_text: bool = False
    lock_timeout_s: float | None = None  # alter only; else cut_over.lock_wait_s
    force_after_s: float | None = None  # from then on what blocks the cut-over is killed
    cut_over_window: str | None = None  # as domain/window.py reads it


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
    kind: MigrationKind
    source: str
    target: str
    stage: Stage
    stage_since: datetime
    resume_stage: Stage | None
    after_restore: Stage | None
    options: Options
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

    @classmethod
    def from_row(cls, row: Any) -> Migration:
        values = dict(row._mapping)
        values["kind"] = MigrationKind(values["kind"])
        for name in ("stage", "resume_stage", "after_restore"):
            values[name] = Stage(values[name]) if values[name] else None
        values["options"] = Options(**values["options"])
        values["failure"] = Failure(**values["failure"]) if values["failure"] else None
        return cls(**values)


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
