"""Seconds that Tranship's workers need for a table: to copy it, or to copy and verify it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ops.dev.bench.stand import Stand
from ops.dev.bench.tables import ORDERS, TableKind
from pipeline.domain.stages import Stage

FEW = TableKind("few", ORDERS.columns, ORDERS.values)
_FEW_ROWS = 20_000  # five chunks


@contextmanager
def few_rows(stand: Stand) -> Iterator[None]:
    """A table to begin with, unmeasured: whoever waits for chunks has copied some before.

    Its connections are open then, and its statements compiled. The table is dropped again, since
    others copy the whole schema.
    """
    stand.empty(stand.target)
    stand.fill(FEW, _FEW_ROWS)
    yield
    stand.run(stand.source, f"DROP TABLE {FEW.full_name}")


def start_warm_workers(stand: Stand) -> None:
    """Start the workers, and have them copy and verify a few rows."""
    stand.start_workers()
    with few_rows(stand):
        seconds_to_ready(stand, FEW)


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
