"""Decides when a cut-over may begin, when the next attempt is made, when blockers may be killed.

These are pure functions of what was read; the steps in move.py, alter.py and finish.py carry out
what they decide.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum

from pipeline.control.stage_change import StageChange
from pipeline.domain.migration import Migration
from pipeline.domain.request import MigrationKind, alter_request
from pipeline.domain.stages import Stage
from pipeline.errors import known

_LONGEST = 10  # times `retry_s`


class Hindrance(Enum):
    """Why a cut-over does not begin now."""

    POSTPONED = "postponed until somebody allows it"
    TOO_EARLY = "the last attempt is too recent"
    OUTSIDE_WINDOW = "outside its window of time"
    NOT_CONVERGED = "too much is left to verify"
    LAGGING = "the target is too far behind"


def hindrance(
    migration: Migration,
    converged: Callable[[], bool],
    lag_s: Callable[[], float],
    ready_lag_s: float,
) -> Hindrance | None:
    """What stops a cut-over from beginning now, if anything does.

    `converged` and `lag_s` ask the servers, so they are called only if nothing else stops it.
    """
    if migration.postponed:
        return Hindrance.POSTPONED
    if too_early(migration):
        return Hindrance.TOO_EARLY
    if not migration.in_window:
        return Hindrance.OUTSIDE_WINDOW
    if not converged():
        return Hindrance.NOT_CONVERGED
    return Hindrance.LAGGING if lag_s() > ready_lag_s else None


def too_early(migration: Migration) -> bool:
    """Whether the last attempt is too recent."""
    return migration.retry_at is not None and migration.now < migration.retry_at


def next_attempt(migration: Migration, retry_s: float) -> datetime:
    """When the next attempt may be made, by the control server's clock: later after each one."""
    attempts = min(max(1, migration.attempt), _LONGEST)
    return migration.now + timedelta(seconds=retry_s * attempts)


def out_of_attempts(migration: Migration, attempts: int) -> bool:
    """Whether all attempts have been made that may be made without a person."""
    return migration.attempt >= attempts


def turned_back(migration: Migration, limit_s: float, retry_s: float) -> StageChange | None:
    """Way back only: where an attempt goes whose last rename has not happened; None: it goes on."""
    if migration.failure is not None:
        return StageChange(after_restore=Stage.FAILED, resume_stage=Stage.READY)
    blocked_at = known(migration.blocked_at, "when writes were stopped")
    if (migration.now - blocked_at).total_seconds() <= limit_s:
        return None
    again = next_attempt(migration, retry_s)
    return StageChange(after_restore=Stage.READY, retry_at=again)


def may_kill_blockers(migration: Migration) -> bool:
    """Whether an alter may kill blockers: from `force_after_s` after the first attempt on."""
    if migration.kind is MigrationKind.MOVE:
        return False
    after_s = alter_request(migration.request).force_after_s
    if after_s is None:
        return False
    first = migration.first_attempt_at or migration.now
    return (migration.now - first).total_seconds() >= after_s
