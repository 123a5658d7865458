"""Seconds that Tranship's workers need for a table: to copy it, or to copy and verify it."""

from __future__ import annotations

import time
from typing import Any

from ops.dev.bench.stand import Stand
from ops.dev.bench.tables import TableKind
from pipeline.domain.stages import Stage


def seconds_to_copy(stand: Stand, table: TableKind) -> float:
    """Copy the table, from the request on; workers are running and wait."""
    stand.empty(stand.target)
    began = time.monotonic()
    migration_id = stand.begin([table.name])
    stand.wait_copied(migration_id)
    seconds = time.monotonic() - began
    stand.discard(migration_id)
    return seconds


def seconds_to_ready(stand: Stand, table: TableKind, **terms: Any) -> float:
    """Copy and verify the table, from the request on; workers are running and wait."""
    stand.empty(stand.target)
    began = time.monotonic()
    migration_id = stand.begin([table.name], **terms)
    stand.wait_stage(migration_id, Stage.READY)
    seconds = time.monotonic() - began
    stand.discard(migration_id)
    return seconds
