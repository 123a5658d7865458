"""How a cut-over ends: the operator's side is told of the switch, or the migration goes on.

Past the point of no return the target is the truth, and all that is left is to try again. From
RESTORING a migration goes on to the stage that was recorded when it entered RESTORING.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from sqlalchemy import Connection

from pipeline.control.claims import release_claims
from pipeline.control.cut_over_parts import end_part, note_unblocked
from pipeline.control.hooks import HookRun, last_run
from pipeline.control.migrations import forget_obstacle, postpone_migration, retry_not_before
from pipeline.control.shut_out import shut_out
from pipeline.control.stage_change import StageChange
from pipeline.control.watches import find_watch, note_until
from pipeline.cutover.decisions import next_attempt, out_of_attempts, too_early
from pipeline.cutover.foreign_writes import tell_the_rest
from pipeline.cutover.late_writes import tell_late_writes
from pipeline.cutover.shared import note_parts
from pipeline.cutover.way_back import open_way_back, told_s_ago
from pipeline.domain.cut_over_parts import Part
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook
from pipeline.domain.request import MigrationKind
from pipeline.domain.stages import Stage
from pipeline.errors import AmbiguousError, FencedError, RetryableError, TranshipError, defect
from pipeline.hooks.runner import ask, tell_failure
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.gtid import GtidSet
from pipeline.pausepoints import Point, reached
from pipeline.step.context import Context, Outcome

log = logging.getLogger(__name__)
_SEARCHED_S = 300.0  # since the application was told; way_back.py counts on it


def finish(context: Context, ended: str) -> Outcome:
    """Tell the operator's side that the target is the truth, until that succeeds; then DONE."""
    reached(Point.BEFORE_SUCCESS_HOOK)
    told = _last_run(context)
    if told is None or not told.succeeded:
        if too_early(context.migration):
            return Outcome.WAIT
        # Whatever is written to the target from now on may be the application's.
        until = _executed_on_target(context) if told is None else None
        trouble = _tell(context)
        _note_told(context, until, ended=trouble is None)
        if trouble is not None:
            return _again(context, trouble)
    elif context.migration.blocked_at is not None:  # a crash came between the hook and its note
        _note_told(context, None, ended=True)
    reached(Point.AFTER_SUCCESS_HOOK)
    if _is_alter(context):
        # The way back is verified against what this carries over.
        unsearched = _search_logs(context)
        open_way_back(context)
    else:
        open_way_back(context)  # as long as it waits for the source, no log is searched in vain
        unsearched = _search_logs(context)
    with context.control() as control:
        for why in unsearched:  # not before: a step that records the way back again searches again
            _note_unsearched(control, context, why)
        context.enter_in(control, Stage.DONE, ended)
        release_claims(control, context.migration.id)
    return Outcome.ADVANCED


def _last_run(context: Context) -> HookRun | None:
    with context.reading() as control:
        return last_run(control, context.migration.id, Hook.ON_SUCCESS)


def _executed_on_target(context: Context) -> GtidSet:
    with context.reading() as control:
        return executed_gtids(control)


def _note_told(context: Context, until: GtidSet | None, *, ended: bool) -> None:
    """Note until when nobody was told. If somebody is now, writes go on.

    What is done after that may take a while, and is no part of the cut-over.
    """
    refused = context.migration.blocked_at is not None  # an alter has told it after the swap
    with context.control() as control:
        if until is not None:
            note_until(control, context.migration.id, until)
        if ended and refused:
            end_part(control, context.migration.id, Part.HOOK)
            note_parts(control, context)
            note_unblocked(control, context.migration.id)


def _search_logs(context: Context) -> list[str]:
    """Look whether a row has come in beside the stream; whatever is found holds nothing up.

    Returns:
        for each log that can't be searched, why.

    Raises:
        RetryableError: the log of an alter can't be searched now; that is waited for, for a time.
    """
    with context.reading() as control:
        watch = find_watch(control, context.migration.id)
    until = None if watch is None else watch.until
    searches = (tell_late_writes, partial(tell_the_rest, until=until))
    return [why for search in searches if (why := _search(context, search)) is not None]


def _search(context: Context, search: Callable[[Context], None]) -> str | None:
    try:
        search(context)
    except FencedError:
        raise
    except RetryableError as error:
        # What an alter has settled is not found again, so its search may be repeated.
        if _is_alter(context) and told_s_ago(context) < _SEARCHED_S:
            raise
        return error.explanation
    except TranshipError as error:
        return error.explanation
    except Exception as error:  # a defect of ours must not keep the way back from being recorded
        log.exception("a defect")
        return defect(error).explanation
    return None


def _note_unsearched(control: Connection, context: Context, why: str) -> None:
    what = f"a binary log can't be searched: {why}"
    if not _is_alter(context):
        context.note_in(control, EventKind.CUT_OVER, what)
        return
    (table,) = context.tables
    compare = (
        f"Rows that were written to {table.source} between the proof and the swap may be missing in"
        f" it: compare it with {table.retired_name}."
    )
    context.note_in(control, EventKind.ALARM, f"{what} {compare}")


def _is_alter(context: Context) -> bool:
    return context.migration.kind is MigrationKind.ALTER


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
    with context.control() as control:
        forget_obstacle(control, context.migration)
        change = StageChange(after_restore=None, blocked_at=None)
        _end_attempt(control, context, after, what, change)
        if after is Stage.ABORTED:
            shut_out(control, context.migration.id, context.tables)
            release_claims(control, context.migration.id)
    return Outcome.ADVANCED


def return_to_ready(context: Context, what: str) -> Outcome:
    """Leave for READY an attempt of which nothing has to be undone."""
    again = next_attempt(context.migration, context.settings.cut_over.retry_s)
    with context.control() as control:
        change = StageChange(retry_at=again, blocked_at=None)
        _end_attempt(control, context, Stage.READY, what, change)
    return Outcome.ADVANCED


def _end_attempt(
    control: Connection, context: Context, after: Stage, what: str, change: StageChange
) -> None:
    """Enter `after`. If that was the last attempt, the next one waits for a person."""
    if out_of_attempts(context.migration, context.settings.cut_over.attempts):
        postpone_migration(control, context.migration.id)
        if after is Stage.READY:
            said = "postponed: the last attempt has failed, too"
            context.note_in(control, EventKind.CUT_OVER, said)
    context.enter_in(control, after, what, change)
    if context.migration.blocked_at is not None:
        note_parts(control, context)
