"""Values of the domain for tests that need no server: `replace` what a test is about."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.domain.migration import Migration
from pipeline.domain.request import AlterRequest, MoveRequest
from pipeline.domain.stages import Stage
from pipeline.mysql.table import TableName

_NOW = datetime(2020, 1, 1, tzinfo=UTC)
MOVE = MoveRequest(source="old", target="new", tables=(TableName("s", "t"),))
ALTER = AlterRequest(server="new", table=TableName("s", "t"), change="ADD COLUMN c INT")
MIGRATION = Migration(
    id="m1", source="old", target="new", stage=Stage.COPYING, stage_since=_NOW,
    resume_stage=None, after_restore=None, request=MOVE, postponed=False, abort_asked=False,
    attempt=0, retry_at=None, rename_connection=None, lock_connection=None, ddl_connection=None,
    first_attempt_at=None, blocked_at=None, drain_gtids=None, way_back_start=None,
    log_search=None, failure=None,
    created_at=_NOW, created_by="who", cleaned_at=None, now=_NOW,
)  # fmt: skip
