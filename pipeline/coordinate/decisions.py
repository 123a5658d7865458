"""What comes before a stage's own step, and what follows it: pure functions of what was read.

An abort, a cut-over that takes too long, or a failure diverts a migration to RESTORING, from where
it goes on to another stage. Past the point of no return nothing diverts it any more; in SWAPPING
nothing does before the server has been asked; from RESTORING on it follows `after_restore`, which
an abort changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.cutover.decisions import next_attempt
from pipeline.domain.migration import Migration
from pipeline.domain.stages import RULES, WRITES_BLOCKED, Stage, Undo, allowed
from pipeline.errors import known
from pipeline.step.context import Outcome

# What was not finished in time, by stage.
_LIMITED = {
    Stage.DRAINING: "the target did not catch up",
    Stage.VERIFYING: "the proof was not complete",
}


@dataclass(frozen=True)
class Diversion:
    """To RESTORING instead of the stage's own step, and from there to `after_restore`."""

    reason: str
    after_restore: Stage
    resume_stage: Stage | None = None  # where FAILED goes on, once a person has resumed it
    retry_at: datetime | None = None


def diversion(migration: Migration, limit_s: float, retry_s: float) -> Diversion | None:
    """What takes a migration away from its stage's own step, if anything does.

    `limit_s` is how long writes may be blocked, `retry_s` the shortest time between attempts.
    """
    if migration.stage is Stage.RESTORING:
        return _led_elsewhere(migration)
    if not _may_divert(migration.stage):
        return None
    if migration.abort_asked:
        return Diversion("abort was asked for", Stage.ABORTED)
    if migration.stage in _LIMITED and _overdue(migration, limit_s):
        reason = f"{_LIMITED[migration.stage]} within {limit_s:g} s"
        return Diversion(reason, Stage.READY, retry_at=next_attempt(migration, retry_s))
    if _time_is_over(migration):
        return Diversion("it was not taken in the time that was given", Stage.ABORTED)
    if migration.failure is not None:
        resume = resume_stage(migration.stage)
        return Diversion(migration.failure.explanation, Stage.FAILED, resume_stage=resume)
    return None


def _time_is_over(migration: Migration) -> bool:
    """Whether a way back has stood open for its time; a roll-back that was asked for goes on.

    One that is postponed, was tried, or was refused by its hook waits for whoever has asked.
    """
    back = migration.request.back
    if back is None or back.asked or migration.stage is not Stage.READY:
        return False
    return migration.now >= back.until


def _led_elsewhere(migration: Migration) -> Diversion | None:
    """An abort asked for on the way to a failure, or to another attempt, ends in ABORTED."""
    if migration.abort_asked and migration.after_restore is not Stage.ABORTED:
        return Diversion("abort was asked for", Stage.ABORTED)
    return None


def _may_divert(stage: Stage) -> bool:
    # FAILED can be restored, too, but not before a person asks for it.
    waits_for_person = stage is Stage.FAILED
    # An abort or a failure does not stop what may have happened.
    look_first = RULES[stage].undo is Undo.LOOK_FIRST
    return allowed(stage, Stage.RESTORING) and not look_first and not waits_for_person


def _overdue(migration: Migration, limit_s: float) -> bool:
    blocked_at = known(migration.blocked_at, "when writes were stopped")
    return migration.now - blocked_at > timedelta(seconds=limit_s)


def resume_stage(stage: Stage) -> Stage:
    """The stage in which to go on after a failure in `stage`; a cut-over begins again in READY."""
    return Stage.READY if RULES[stage].undo is Undo.RENAME_BACK else stage


def after_trouble(stage: Stage) -> Outcome:
    """Temporary trouble is tried again, and right here while the application waits."""
    return Outcome.POLL if stage in WRITES_BLOCKED else Outcome.WAIT


def after_failure(stage: Stage, *, first: bool) -> Outcome:
    """A recorded failure leads to `diversion` at once, unless there was one before."""
    # RESTORING itself may be what fails: a person decides, and it is tried again.
    return Outcome.ADVANCED if first and stage is not Stage.RESTORING else Outcome.WAIT


def time_in_step_s(stage: Stage, budget_s: float, limit_s: float) -> float:
    """How long the coordinator goes on before it leaves the rest to the next call.

    While writes are blocked it stays: nobody might call again if the broker is away.
    """
    return budget_s + limit_s if stage in WRITES_BLOCKED else budget_s
