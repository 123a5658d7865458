"""The coordinator: a short, re-entrant step that moves a migration as far as it will go now.

Nothing of it stays in memory between calls: beat calls it every second, and the end of
every task calls it too. Whoever gets the lease does the step, all others return at once.
While the source's tables are renamed it stays and polls: there every tenth of a second
counts, and nobody might call again, with the broker away. What takes longer there than
`cut_over.limit_s` is undone, whatever it is that does not go on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from structlog.contextvars import bound_contextvars

from pipeline.control.leases import Lease, release_lease, take_lease
from pipeline.control.migrations import read_migration, read_tables, record_failure
from pipeline.coordinate.converging import converge
from pipeline.coordinate.copying import copy
from pipeline.coordinate.prepare import prepare
from pipeline.cutover.restore import restoring
from pipeline.cutover.retry import next_attempt
from pipeline.cutover.steps import draining, ready, renaming, verifying
from pipeline.cutover.swapping import interrupted, ready_to_swap, swapping, unlocking
from pipeline.cutover.switch import switching
from pipeline.domain.migration import Failure, Migration, MigrationKind
from pipeline.domain.role import Role
from pipeline.domain.stages import MAY_BE_RETIRED, RULES, WRITES_BLOCKED, Stage, Undo, can_abort
from pipeline.errors import FencedError, RetryableError, TranshipError, defect, known
from pipeline.hooks.runner import tell_status
from pipeline.mysql.pools import Pools
from pipeline.step.context import Context, Messenger, Outcome

log = logging.getLogger(__name__)
_POLL_S = 0.03
_TROUBLE_S = 0.3

# What was not done in time, by stage.
_LIMITED = {
    Stage.DRAINING: "the target did not catch up",
    Stage.VERIFYING: "not every range could be verified",
}

Step = Callable[[Context], Outcome]
_COMMON: dict[Stage, Step] = {
    Stage.PREPARING: prepare,
    Stage.COPYING: copy,
    Stage.CONVERGING: converge,
    Stage.SWITCHING: switching,
}
# The two differ in how they cut over, and in nothing else.
STEPS: dict[MigrationKind, dict[Stage, Step]] = {
    MigrationKind.MOVE: {
        **_COMMON,
        Stage.READY: ready,
        Stage.BLOCKING: renaming,
        Stage.DRAINING: draining,
        Stage.VERIFYING: verifying,
        Stage.RESTORING: restoring,
    },
    MigrationKind.ALTER: {
        **_COMMON,
        Stage.READY: ready_to_swap,
        Stage.BLOCKING: interrupted,
        Stage.DRAINING: interrupted,
        Stage.VERIFYING: interrupted,
        Stage.SWAPPING: swapping,
        Stage.RESTORING: unlocking,
    },
}


# An abort or a failure does not stop what has happened, or may have.
_GOES_ON = (Undo.IMPOSSIBLE, Undo.LOOK_FIRST)


def advance(
    pools: Pools,
    target: str,
    migration_id: str,
    messenger: Messenger,
    owner: str,
    budget_s: float = 10.0,
) -> Stage | None:
    """Take the migration as far as it goes now.

    Returns:
        the stage it is in, or None: somebody else coordinates it at the moment.
    """
    ttl_s = pools.settings.timeouts.lease_s
    with pools.begin(target) as control:
        lease = take_lease(control, migration_id, Role.COORDINATE, owner, ttl_s)
    if lease is None:
        return None
    try:
        with bound_contextvars(migration=migration_id, epoch=lease.epoch):
            return _steps(pools, target, lease, messenger, time.monotonic() + budget_s)
    except FencedError as error:
        log.warning("the coordinator stops: %s", error)
        return None
    finally:
        _let_go(pools, target, lease)


def _steps(pools: Pools, target: str, lease: Lease, messenger: Messenger, deadline: float) -> Stage:
    while True:
        context = _context(pools, target, lease, messenger)
        step = STEPS[context.migration.kind].get(context.migration.stage)
        if step is None:
            return context.migration.stage
        outcome = _divert(context) or _guarded(step, context)
        if not _stays(context, outcome, deadline):
            return context.migration.stage
        if outcome is Outcome.POLL:
            time.sleep(_POLL_S)
        context.renew()


def _stays(context: Context, outcome: Outcome, deadline: float) -> bool:
    """Whether to look again now, rather than leave it to the next call."""
    if context.migration.stage in WRITES_BLOCKED:
        deadline += context.settings.cut_over.limit_s
    return outcome is not Outcome.WAIT and time.monotonic() < deadline


def _context(pools: Pools, target: str, lease: Lease, messenger: Messenger) -> Context:
    with pools.begin(target) as control:
        migration = read_migration(control, lease.migration_id)
        tables = read_tables(control, lease.migration_id)
    return Context(pools, target, lease, messenger, migration, tables)


def _divert(context: Context) -> Outcome | None:
    """An abort, or a failure that some role has recorded, comes before the stage's own step."""
    migration = context.migration
    if migration.stage is Stage.RESTORING or RULES[migration.stage].undo in _GOES_ON:
        return None
    if migration.abort_asked and can_abort(migration.stage):
        return context.enter(Stage.RESTORING, "abort was asked for", after_restore=Stage.ABORTED)
    if migration.stage in _LIMITED and _overdue(context):
        return context.enter(
            Stage.RESTORING,
            f"{_LIMITED[migration.stage]} within {context.settings.cut_over.limit_s:g} s",
            after_restore=Stage.READY,
            retry_at=next_attempt(context),
        )
    if migration.failure is not None:
        return context.enter(
            Stage.RESTORING,
            migration.failure.explanation,
            after_restore=Stage.FAILED,
            resume_stage=_resume_stage(migration),
        )
    return None


def _overdue(context: Context) -> bool:
    migration, limit_s = context.migration, context.settings.cut_over.limit_s
    renamed_at = known(migration.renamed_at, "when writes were stopped")
    return migration.now - renamed_at > timedelta(seconds=limit_s)


def _resume_stage(migration: Migration) -> Stage:
    """Where to go on after a failure: a cut-over begins again from READY."""
    after_ready = RULES[migration.stage].undo is Undo.RENAME_BACK
    return Stage.READY if after_ready else migration.stage


def _guarded(step: Step, context: Context) -> Outcome:
    """Passing trouble is tried again; anything else is recorded as a failure."""
    try:
        if context.migration.stage not in MAY_BE_RETIRED:
            tell_status(context)
        return step(context)
    except FencedError:
        raise
    except RetryableError as error:
        log.warning("%s: %s", context.migration.stage, error)
        if context.migration.stage not in WRITES_BLOCKED:
            return Outcome.WAIT
        time.sleep(_TROUBLE_S)
        return Outcome.POLL
    except TranshipError as error:
        return _record(context, error)
    except Exception as error:  # a defect of ours: it must neither hide nor hold tables back
        log.exception("%s: a defect", context.migration.stage)
        return _record(context, defect(error))


def _record(context: Context, error: TranshipError) -> Outcome:
    stage = context.migration.stage
    log.error("%s: %s", stage, error)
    known = context.migration.failure
    with context.control() as control:
        failure = Failure(Role.COORDINATE, error.explanation, error.remedy)
        record_failure(control, context.migration.id, failure)
    # RESTORING itself may be what can't be done: a person decides, and it is tried again.
    return Outcome.ADVANCED if known is None and stage is not Stage.RESTORING else Outcome.WAIT


def _let_go(pools: Pools, target: str, lease: Lease) -> None:
    try:
        with pools.begin(target) as control:
            release_lease(control, lease)
    except RetryableError:
        return  # it expires by itself
