"""When the next attempt may be made."""

from __future__ import annotations

from datetime import datetime, timedelta

from pipeline.step.context import Context

_LONGEST = 10  # times `retry_s`


def too_early(context: Context) -> bool:
    """Whether the last attempt is too recent."""
    migration = context.migration
    return migration.retry_at is not None and migration.now < migration.retry_at


def next_attempt(context: Context) -> datetime:
    """Later after each attempt, on the control server's clock."""
    attempts = min(max(1, context.migration.attempt), _LONGEST)
    return context.migration.now + timedelta(seconds=context.settings.cut_over.retry_s * attempts)
