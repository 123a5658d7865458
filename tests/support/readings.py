"""A reading of every signal that is over its limit, and one that can't be taken."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.domain.reading import Reading, Signal, asked_for_by

READINGS = (
    Reading(Signal.REPLICA_LAG, 12.5, 10, server="replica-1"),
    Reading(Signal.LOAD, 1e6, 40, server="new", subject="Threads_running"),
    Reading(Signal.HISTORY_LIST, 2000, 1000, server="new"),
    Reading(Signal.APPLY_LAG, 3, 2.5),
    Reading(Signal.FLAG_FILE, 1, 1, subject="/run/{stop}"),
    Reading(Signal.QUERY, 1, 1, server="old"),
    Reading(Signal.HTTP, 1, 1, subject="http://calm/is it"),
    Reading(Signal.HTTP, None, 1, subject="http://calm/", trouble="HTTPError: 503 {}"),
    asked_for_by("ann@db1"),
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
