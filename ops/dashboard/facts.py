"""What the page shows, as JSON: the list, and everything about one migration."""

from __future__ import annotations

from typing import Any

from ops.dashboard.history import History
from pipeline.control.chunk_cells import read_cells
from pipeline.control.events import last_events
from pipeline.control.migration_tables import read_tables
from pipeline.mysql.pools import Pools
from pipeline.preflight.findings import Severity
from pipeline.preflight.setup import check_processes
from pipeline.status.listing import find_target, list_migrations
from pipeline.status.progress import read_progress
from pipeline.status.to_json import plain
from pipeline.status.wording import reading_text

_EVENTS = 200


def overview(pools: Pools, history: History) -> dict[str, Any]:
    """Every migration, newest first, and what is wrong with the set-up."""
    found, silent = list_migrations(pools)
    processes = history.processes
    checks = check_processes(processes) if processes is not None else []
    problems = [one.explanation for one in checks if one.severity is Severity.WARNING]
    return {
        "migrations": [one.as_json() for one in reversed(found)],
        "problems": [*silent.values(), *problems],
    }


def details(pools: Pools, history: History, given: str) -> dict[str, Any]:
    """One migration.

    Raises:
        RefusedError, RetryableError: there is none of that id, or its server does not answer.
    """
    target, migration_id = find_target(pools, given)
    progress = read_progress(pools, target, migration_id, history.processes)
    with pools.begin(target) as control:
        tables = read_tables(control, migration_id)
        cells = {str(one.source): plain(read_cells(control, one)) for one in tables}
        events = last_events(control, migration_id, _EVENTS)
    return {
        **progress.as_json(),
        "held_back": [reading_text(one) for one in progress.throttled],
        "cells": cells,
        "events": plain(events),
        "history": plain(history.of(migration_id)),
    }
