"""The coordinator: a short, re-entrant step that takes a migration as far as it will go now.

Nothing of it stays in memory between calls: beat calls it every second, and so does a task that
ends and leaves something for it to do. Whoever gets the lease does the step, all others return at
once; it is renewed for as long as the step takes. While writes are blocked it stays and polls: then
every tenth of a second counts, and nobody might call again if the broker is away. What takes longer
then than `cut_over.limit_s` is undone, whatever holds it up: by another coordinator, if this one
hangs.

The decisions are in decisions.py; here they are carried out.
"""

from __future__ import annotations

import logging
import time
from functools import partial

from structlog.contextvars import bound_contextvars

from pipeline.control.leases import Lease, fence, release_lease, take_lease
from pipeline.control.migration_tables import read_tables
from pipeline.control.migrations import (
    read_migration,
    read_stage,
    record_failure,
    record_obstacle,
)
from pipeline.control.stage_change import KEEP, StageChange
from pipeline.coordinate.converging import converge
from pipeline.coordinate.copying import copy
from pipeline.coordinate.decisions import (
    Diversion,
    after_failure,
    after_trouble,
    diversion,
    time_in_step_s,
)
from pipeline.coordinate.prepare import prepare
from pipeline.cutover import alter, move
from pipeline.domain.migration import Failure
from pipeline.domain.request import MigrationKind
from pipeline.domain.role import Role
from pipeline.domain.stages import MAY_BE_RETIRED, Stage
from pipeline.errors import FencedError, RetryableError, TranshipError, defect
from pipeline.hooks.runner import tell_status
from pipeline.mysql.pools import Pools
from pipeline.outages import Outages
from pipeline.renewal import renewed
from pipeline.step.context import Context, Messenger, Outcome, Step
from pipeline.step.ddl import end_ddl

log = logging.getLogger(__name__)
outages = Outages(log)
_POLL_S = 0.03
_TROUBLE_S = 0.3

_COMMON: dict[Stage, Step] = {
    Stage.PREPARING: prepare,
    Stage.COPYING: copy,
    Stage.CONVERGING: converge,
}
# For the coordinator the two differ in how they cut over, and in nothing else.
STEPS: dict[MigrationKind, dict[Stage, Step]] = {
    MigrationKind.MOVE: {**_COMMON, **move.STEPS},
    MigrationKind.ALTER: {**_COMMON, **alter.STEPS},
}


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
        the stage it is in, or None if somebody else is coordinating it at the moment.
    """
    ttl_s = pools.settings.timeouts.lease_s
    with pools.begin(target) as control:
        lease = take_lease(control, migration_id, Role.COORDINATE, owner, ttl_s)
    if lease is None:
        return None
    try:
        with (
            bound_contextvars(migration=migration_id, epoch=lease.epoch),
            renewed(partial(_renew, pools, target, lease), ttl_s),
        ):
            return _steps(pools, target, lease, messenger, budget_s)
    except FencedError as error:
        log.warning("the coordinator stops: %s", error)
        return None
    finally:
        _let_go(pools, target, lease)


def _renew(pools: Pools, target: str, lease: Lease) -> None:
    """Keep the role during a step that takes long, but not while the application waits for it.

    Then only what the step commits renews the lease. If it hangs, another coordinator takes over.
    """
    with pools.begin(target) as control:
        if read_stage(control, lease.migration_id) not in MAY_BE_RETIRED:
            fence(control, lease)


def _steps(pools: Pools, target: str, lease: Lease, messenger: Messenger, budget_s: float) -> Stage:
    called, limit_s = time.monotonic(), pools.settings.cut_over.limit_s
    began = called
    while True:
        context = _context(pools, target, lease, messenger)
        stage = context.migration.stage
        if stage not in MAY_BE_RETIRED and time.monotonic() - called >= budget_s:
            return stage  # else one attempt after the other would be the same call's
        step = STEPS[context.migration.kind].get(stage)
        if step is None:
            return stage
        outcome = _divert(context) or _guarded(step, context)
        if outcome is Outcome.ADVANCED:
            # However long a hook has taken: the new stage may be one in which writes are blocked.
            began = time.monotonic()
            continue
        used_up = time.monotonic() - began >= time_in_step_s(stage, budget_s, limit_s)
        if outcome is Outcome.WAIT or used_up:
            return stage
        time.sleep(_POLL_S)
        context.renew()


def _context(pools: Pools, target: str, lease: Lease, messenger: Messenger) -> Context:
    with pools.begin(target) as control:
        migration = read_migration(control, lease.migration_id)
        tables = read_tables(control, lease.migration_id)
    return Context(pools, target, lease, messenger, migration, tables)


def _divert(context: Context) -> Outcome | None:
    """An abort, or a failure that some role has recorded, comes before the stage's own step."""
    settings = context.settings.cut_over
    found = diversion(context.migration, settings.limit_s, settings.retry_s)
    if found is None:
        return None
    return context.enter(Stage.RESTORING, found.reason, _noted(found))


def _noted(found: Diversion) -> StageChange:
    """What is written with the stage; what a diversion does not set stays as it is."""
    return StageChange(
        after_restore=found.after_restore,
        resume_stage=KEEP if found.resume_stage is None else found.resume_stage,
        retry_at=KEEP if found.retry_at is None else found.retry_at,
    )


def _guarded(step: Step, context: Context) -> Outcome:
    """Do a step; temporary trouble is tried again, anything else is recorded as a failure."""
    stage = context.migration.stage
    try:
        end_ddl(context.pools, context.target, context.lease, context.migration)
        if stage not in MAY_BE_RETIRED:
            tell_status(context)
        outcome = step(context)
        outages.back(f"migration {context.migration.id}")
        return outcome
    except FencedError:
        raise
    except RetryableError as error:
        outages.lost(f"migration {context.migration.id}", f"{stage}: {error}")
        outcome = after_trouble(stage)
        if outcome is Outcome.POLL:
            time.sleep(_TROUBLE_S)
        return outcome
    except TranshipError as error:
        return _record(context, error)
    except Exception as error:  # a defect of ours: it must neither hide nor hold tables back
        log.exception("%s: a defect", stage)
        return _record(context, defect(error))


def _record(context: Context, error: TranshipError) -> Outcome:
    stage = context.migration.stage
    log.error("%s: %s", stage, error)
    with context.control() as control:
        record = record_obstacle if stage is Stage.RESTORING else record_failure
        record(control, context.migration.id, Failure.of(Role.COORDINATE, error))
    return after_failure(stage, first=context.migration.failure is None)


def _let_go(pools: Pools, target: str, lease: Lease) -> None:
    try:
        with pools.begin(target) as control:
            release_lease(control, lease)
    except RetryableError:
        return  # it expires by itself
