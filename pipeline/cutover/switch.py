"""Past the point of no return: the target is the truth, and the operator's side is told."""

from __future__ import annotations

from datetime import timedelta

from pipeline.control.hooks import last_run
from pipeline.control.migrations import release_claims, update_migration
from pipeline.cutover.counters import keep_counter
from pipeline.cutover.retry import too_early
from pipeline.cutover.triggers import create_triggers
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook
from pipeline.domain.migration import MigrationKind
from pipeline.domain.stages import Stage
from pipeline.errors import TranshipError
from pipeline.hooks.process import HookResult
from pipeline.hooks.runner import ask
from pipeline.pausepoints import Point, reached
from pipeline.step.context import Context, Outcome

_ENDED = {
    MigrationKind.MOVE: "the tables live on the target",
    MigrationKind.ALTER: "the table is rebuilt",
}


def switching(context: Context) -> Outcome:
    """The target is the truth. Tell the operator's side so, until it has heard."""
    if context.migration.kind is MigrationKind.MOVE:
        for table in context.tables:
            keep_counter(context, table.retired_name, table.target)
    reached(Point.BEFORE_SUCCESS_HOOK)
    with context.control() as control:
        told = last_run(control, context.migration.id, Hook.ON_SUCCESS)
    if told is None or not told.succeeded:
        if too_early(context):
            return Outcome.WAIT
        try:
            if context.migration.kind is MigrationKind.MOVE:
                create_triggers(context)
        except TranshipError as error:
            return _again(context, f"triggers: {error}")
        result = ask(context, Hook.ON_SUCCESS)
        if result is not None and not result.succeeded:
            return _tell_again(context, result)
    reached(Point.AFTER_SUCCESS_HOOK)
    with context.control() as control:
        context.enter_in(control, Stage.DONE, _ENDED[context.migration.kind])
        release_claims(control, context.migration.id)
    return Outcome.ADVANCED


def _tell_again(context: Context, result: HookResult) -> Outcome:
    return _again(context, f"{Hook.ON_SUCCESS} exited {result.exit_code}: {result.output}")


def _again(context: Context, what: str) -> Outcome:
    """Past the point of no return there is only trying again, and saying why."""
    again_s = context.settings.cut_over.retry_s
    with context.control() as control:
        update_migration(
            control,
            context.migration.id,
            retry_at=context.migration.now + timedelta(seconds=again_s),
        )
        message = f"{what}; again in {again_s:g} s"
        context.note_in(control, EventKind.HOOK, message)
    return Outcome.WAIT
