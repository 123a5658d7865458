"""How a cut-over ends: the operator's side is told of the switch, or the migration goes on.

Past the point of no return the target is the truth, and all that is left is to try again. From
RESTORING a migration goes on to the stage that was recorded when it entered RESTORING.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from pipeline.control.claims import release_claims
from pipeline.control.cut_over_parts import end_part, note_unblocked
from pipeline.control.hooks import last_run
from pipeline.control.migrations import postpone_migration, retry_not_before
from pipeline.control.stage_change import StageChange
from pipeline.cutover.decisions import out_of_attempts, too_early
from pipeline.cutover.shared import note_parts
from pipeline.cutover.way_back import open_way_back
from pipeline.domain.cut_over_parts import Part
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook
from pipeline.domain.stages import Stage
from pipeline.errors import AmbiguousError
from pipeline.hooks.runner import ask, tell_failure
from pipeline.pausepoints import Point, reached
from pipeline.step.context import Context, Outcome

log = logging.getLogger(__name__)


def finish(context: Context, ended: str) -> Outcome:
    """Tell the operator's side that the target is the truth, until that succeeds; then DONE."""
    reached(Point.BEFORE_SUCCESS_HOOK)
    if not _told(context):
        if too_early(context.migration):
            return Outcome.WAIT
        trouble = _tell(context)
        if trouble is not None:
            return _again(context, trouble)
    reached(Point.AFTER_SUCCESS_HOOK)
    wants_way_back = context.migration.request.way_back_s is not None
    if wants_way_back:
        _end_of_refusal(context)
        open_way_back(context)
    with context.control() as control:
        context.enter_in(control, Stage.DONE, ended)
        if context.migration.blocked_at is not None and not wants_way_back:
            note_parts(control, context)  # an alter has told it after the swap
        release_claims(control, context.migration.id)
    return Outcome.ADVANCED


def _end_of_refusal(context: Context) -> None:
    """Writes go on; recording the way back may take a while, which is no part of the cut-over."""
    if context.migration.blocked_at is None:
        return
    with context.control() as control:
        end_part(control, context.migration.id, Part.HOOK)
        note_parts(control, context)
        note_unblocked(control, context.migration.id)


def _told(context: Context) -> bool:
    with context.reading() as control:
        told = last_run(control, context.migration.id, Hook.ON_SUCCESS)
    return told is not None and told.succeeded


def _tell(context: Context) -> str | None:
    """What failed, if anything did."""
    result = ask(context, Hook.ON_SUCCESS)
    if result is None or result.succeeded:
        return None
    return f"{Hook.ON_SUCCESS} exited {result.exit_code}: {result.output}"


def _again(context: Context, trouble: str) -> Outcome:
    """Try again later and say why; past the point of no return nothing else is left."""
    again_s = context.settings.cut_over.retry_s
    with context.control() as control:
        again = context.migration.now + timedelta(seconds=again_s)
        retry_not_before(control, context.migration.id, again)
        message = f"{trouble}; again in {again_s:g} s"
        log.error("writes are refused until %s succeeds: %s", Hook.ON_SUCCESS, message)
        context.note_in(control, EventKind.HOOK, message)
    return Outcome.WAIT


def _tell_of_end(context: Context, after: Stage) -> None:
    """Not of a way back that nobody has taken: that is how most of them end."""
    if context.migration.request.back is None or after is Stage.FAILED:
        tell_failure(context, after)


def leave_restoring(context: Context, what: str) -> Outcome:
    """Leave RESTORING for the stage that was recorded when it was entered."""
    after = context.migration.after_restore
    if after is None:
        raise AmbiguousError("The source is restored, but what comes next was not recorded.")
    if after is not Stage.READY:
        _tell_of_end(context, after)
    postponed = out_of_attempts(context.migration, context.settings.cut_over.attempts)
    if postponed and after is Stage.READY:
        context.note(EventKind.CUT_OVER, "postponed: the last attempt has failed, too")
    with context.control() as control:
        if postponed:
            postpone_migration(control, context.migration.id)
        change = StageChange(after_restore=None, blocked_at=None)
        context.enter_in(control, after, what, change)
        if context.migration.blocked_at is not None:
            note_parts(control, context)
        if after is Stage.ABORTED:
            release_claims(control, context.migration.id)
    return Outcome.ADVANCED
