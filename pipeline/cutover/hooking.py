"""A hook's place in a migration: its row, its variables, its line in the event log."""

from __future__ import annotations

import time
from collections.abc import Callable

from pipeline.control.hooks import end_hook, start_hook
from pipeline.control.migrations import log_event
from pipeline.coordinate.context import Context
from pipeline.cutover.hooks import ON_SUCCESS, HookResult, run_hook
from pipeline.pausepoints import Point, reached


def hook(context: Context, name: str) -> HookResult | None:
    """Run hook `name` if there is one, with its row and its place in the event log."""
    command = context.migration.options.hooks.get(name)
    if not command:
        return None
    with context.control() as control:
        attempt = start_hook(control, context.migration.id, name)
    if name == ON_SUCCESS:
        reached(Point.DURING_SUCCESS_HOOK)
    limit_s = context.settings.cut_over.hook_limit_s
    result = run_hook(command, _variables(context, name, attempt), limit_s, _keeper(context))
    with context.control() as control:
        end_hook(control, context.migration.id, name, result.exit_code, result.output)
        what = f"{name} (attempt {attempt}) exited {result.exit_code}"
        log_event(control, context.migration.id, "hook", what, context.lease.owner)
    return result


def _variables(context: Context, name: str, attempt: int) -> dict[str, str]:
    migration = context.migration
    return {
        "TRANSHIP_HOOK": name,
        "TRANSHIP_HOOK_ATTEMPT": str(attempt),
        "TRANSHIP_MIGRATION": migration.id,
        "TRANSHIP_TABLES": ",".join(str(moved.source) for moved in context.moved),
        "TRANSHIP_TARGET_TABLES": ",".join(str(moved.target) for moved in context.moved),
        "TRANSHIP_SOURCE": migration.source,
        "TRANSHIP_TARGET": migration.target,
        "TRANSHIP_CUT_OVER_ATTEMPT": str(migration.attempt),
        "TRANSHIP_DRAIN_GTIDS": migration.drain_gtids or "",
    }


def _keeper(context: Context) -> Callable[[], None]:
    """Keeps the coordinator's lease while a hook runs."""
    renewed = time.monotonic()

    def still_ours() -> None:
        nonlocal renewed
        if time.monotonic() - renewed > context.lease.ttl_s / 3:
            context.renew()
            renewed = time.monotonic()

    return still_ours
