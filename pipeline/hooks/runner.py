"""Runs a migration's hooks: their rows, their variables, their lines in the event log.

A hook may run more than once (after a crash between its end and the record of it), so it is told
which attempt it is. The coordinator's lease is renewed while it runs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from pipeline.control.hooks import HookRun, end_hook, last_run, start_hook
from pipeline.control.leases import Renewal
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook
from pipeline.domain.migration import MigrationTable
from pipeline.domain.stages import Stage
from pipeline.errors import FatalError, TranshipError
from pipeline.hooks.process import HookResult, run_hook
from pipeline.pausepoints import Point, reached
from pipeline.status.progress import Progress, read_progress
from pipeline.step.context import Context

log = logging.getLogger(__name__)


def ask(
    context: Context, name: Hook, meanwhile: Callable[[], None] = lambda: None
) -> HookResult | None:
    """Run hook `name` if there is one; the result is recorded, and in the event log.

    `meanwhile` is called again and again as long as it runs.
    """
    command = _command(context, name)
    if command is None:
        return None
    return _run(context, name, command, variables(context, name), meanwhile=meanwhile)


def require(context: Context, name: Hook) -> None:
    """Run a hook that may stop the migration, unless it has succeeded already.

    Raises:
        FatalError: it failed.
    """
    if _command(context, name) is None:
        return
    last = _last_run(context, name)
    if last is not None and last.succeeded:
        return
    result = ask(context, name)
    if result is not None and not result.succeeded:
        raise FatalError(
            f"The hook {name} exited {result.exit_code}: {result.output}",
            f"When its cause is gone: tranship resume {context.migration.id}",
        )


def tell_once(context: Context, name: Hook) -> None:
    """Run a hook that holds nothing back, unless it has run to its end already."""
    if _command(context, name) is None:
        return
    last = _last_run(context, name)
    if last is None or not last.ended:
        ask(context, name)


def tell_failure(context: Context, ends_in: Stage) -> None:
    """Run the hook of a migration that ends in a failure or an abort."""
    command = _command(context, Hook.ON_FAILURE)
    if command is not None:
        told = {**variables(context, Hook.ON_FAILURE), "TRANSHIP_STAGE": str(ends_in)}
        _run(context, Hook.ON_FAILURE, command, told)


def tell_status(context: Context) -> None:
    """Run the status hook if it is time to. Its runs do not go to the event log."""
    command = _command(context, Hook.STATUS)
    if command is None:
        return
    last = _last_run(context, Hook.STATUS)
    if last is not None and last.age_s < context.settings.hooks.status_s:
        return
    progress = read_progress(context.pools, context.target, context.migration.id)
    told = {**variables(context, Hook.STATUS), **figures(progress)}
    _run(context, Hook.STATUS, command, told, quiet=True)


def variables(context: Context, name: Hook) -> dict[str, str]:
    """What every hook is told, except for its attempt."""
    migration = context.migration
    return {
        "TRANSHIP_HOOK": name,
        "TRANSHIP_MIGRATION": migration.id,
        "TRANSHIP_KIND": migration.kind,
        "TRANSHIP_DIRECTION": migration.request.direction,
        "TRANSHIP_STAGE": migration.stage,
        "TRANSHIP_TABLES": ",".join(str(table.source) for table in context.tables),
        "TRANSHIP_TARGET_TABLES": ",".join(_target_name(table) for table in context.tables),
        "TRANSHIP_SOURCE": migration.source,
        "TRANSHIP_TARGET": migration.target,
        "TRANSHIP_CREATED_BY": migration.created_by,
        "TRANSHIP_CUT_OVER_ATTEMPT": str(migration.attempt),
        "TRANSHIP_DRAIN_GTIDS": "" if migration.drain_gtids is None else str(migration.drain_gtids),
        "TRANSHIP_FAILURE": migration.failure.explanation if migration.failure else "",
    }


def _target_name(table: MigrationTable) -> str:
    return str(table.target if table.placement.swapped else table.live_name)


def figures(progress: Progress) -> dict[str, str]:
    """What only the status hook is told."""
    return {
        "TRANSHIP_ROWS_COPIED": str(sum(table.rows_copied for table in progress.tables)),
        "TRANSHIP_ROWS_ESTIMATE": str(sum(table.rows_estimate for table in progress.tables)),
        "TRANSHIP_STAGE_S": f"{(progress.now - progress.since).total_seconds():.0f}",
        "TRANSHIP_NEXT": progress.next,
    }


def _command(context: Context, name: Hook) -> str | None:
    return context.migration.request.hooks.get(name) or None


def _last_run(context: Context, name: Hook) -> HookRun | None:
    with context.control() as control:
        return last_run(control, context.migration.id, name)


def _run(
    context: Context, name: Hook, command: str, told: dict[str, str], *,
    quiet: bool = False, meanwhile: Callable[[], None] = lambda: None,
) -> HookResult:  # fmt: skip
    with context.control() as control:
        attempt = start_hook(control, context.migration.id, name)
    if name is Hook.ON_SUCCESS:
        reached(Point.DURING_SUCCESS_HOOK)
    told = {**told, "TRANSHIP_HOOK_ATTEMPT": str(attempt)}
    renewal = Renewal(context.lease, context.renew)

    def still_ours() -> None:
        renewal.keep()
        meanwhile()

    try:
        result = run_hook(command, told, context.settings.hooks.limit_s, still_ours)
    except TranshipError as error:  # nothing can be recorded: the role may be somebody else's
        log.warning("%s (attempt %d) was killed: %s", name, attempt, error)
        raise
    with context.control() as control:
        end_hook(control, context.migration.id, name, result.exit_code, result.output)
        if not (quiet and result.succeeded):
            what = f"{name} (attempt {attempt}) exited {result.exit_code}"
            wrote = f": {result.output}" if result.output and not result.succeeded else ""
            context.note_in(control, EventKind.HOOK, what + wrote)
    return result
