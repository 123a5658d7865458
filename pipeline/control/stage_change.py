"""What can change in a migration's row together with its stage."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement

from pipeline.domain.stages import Stage
from pipeline.domain.way_back import StreamStart
from pipeline.mysql.gtid import GtidSet


class Keep(Enum):
    """Leaves a column as it is; None would make it NULL."""

    KEEP = "keep"


KEEP = Keep.KEEP


@dataclass(frozen=True, kw_only=True)
class StageChange:
    """The columns that change with the stage; `schema.migrations` says what each one holds."""

    attempt: int | Keep = KEEP
    retry_at: datetime | Keep | None = KEEP
    rename_connection: int | Keep | None = KEEP
    lock_connection: int | Keep | None = KEEP
    first_attempt_at: datetime | Keep = KEEP
    blocked_at: ColumnElement[datetime] | Keep | None = KEEP
    drain_gtids: GtidSet | Keep | None = KEEP
    way_back_start: StreamStart | Keep | None = KEEP
    after_restore: Stage | Keep | None = KEEP
    resume_stage: Stage | Keep | None = KEEP

    def values(self) -> dict[str, Any]:
        """The new values, by column."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not KEEP}


NOTHING_ELSE = StageChange()
