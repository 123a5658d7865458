"""Runs one job: reads what its ids stand for, does it, and says how it ended.

No error leaves `run_job`. Either the job is still recorded as one to be sent again, or the reason
why the migration can't go on is, for the coordinator to act on. So the caller has nothing to
decide, and a message that gets lost or arrives twice does no harm.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from structlog.contextvars import bound_contextvars

from pipeline.control.migration_tables import read_tables
from pipeline.control.migrations import find_migration, record_failure
from pipeline.control.throttles import ThrottleState, read_throttle
from pipeline.domain.migration import Failure, Migration, MigrationTable
from pipeline.domain.role import Role
from pipeline.errors import FencedError, RetryableError, TranshipError
from pipeline.mysql.pools import Pools
from pipeline.outages import Outages
from pipeline.pausepoints import Point, reached
from pipeline.throttle.limits import throttle_of
from pipeline.work.job import (
    Done,
    Job,
    JobContext,
    JobKind,
    JobResult,
    nice_pause_s,
    obstacle,
    stop_reason,
)

log = logging.getLogger(__name__)
outages = Outages(log)
_JOBS = "jobs"  # a server that is away stops all of them in the same way
SendAdvance = Callable[[str, str], None]  # target, migration


def run_job(
    pools: Pools, kind: JobKind, job: Job, owner: str, send_advance: SendAdvance
) -> JobResult:
    """Do a job if it is wanted now; `send_advance` tells the coordinator that something is new."""
    with bound_contextvars(migration=job.migration_id, chunk=job.number):
        try:
            result = _run(pools, kind, job, owner, send_advance)
            outages.back(_JOBS)
            return result
        except FencedError as error:
            log.info("%s", error)
            return JobResult.FENCED
        except RetryableError as error:
            outages.lost(_JOBS, error)
            return JobResult.RETRIED
        except TranshipError as error:  # the control schema can't be read, so nor can it be written
            log.error("%s", error)
            return JobResult.FAILED
        except Exception:
            log.exception("a defect; the job is sent again")
            return JobResult.FAILED


def _run(pools: Pools, kind: JobKind, job: Job, owner: str, send_advance: SendAdvance) -> JobResult:
    migration, table, throttle = _read(pools, job)
    result = obstacle(kind, migration, throttle)
    if result is not None:
        with pools.begin(job.target) as control:
            kind.unsend(control, table, job.number)  # a cut-over waits for what is on its way
        return result
    reached(Point.JOB_BEGUN)
    began = time.monotonic()
    context = JobContext(pools, migration, table, job.number, owner)
    with bound_contextvars(table=str(table.source)):
        done = _perform(kind, context)
    if done is None:
        return JobResult.STOPPED
    if done.changed and kind.calls(context):
        _tell(job, send_advance)
    limits, worked_s = throttle_of(pools.settings.throttle, throttle), time.monotonic() - began
    time.sleep(nice_pause_s(kind, limits, worked_s, done.source_s, gives_way=throttle.gives_way))
    return JobResult.CHANGED if done.changed else JobResult.UNCHANGED


def _read(pools: Pools, job: Job) -> tuple[Migration, MigrationTable, ThrottleState]:
    """
    Raises:
        FencedError: the migration or the table was cleaned up after the message was sent.
    """
    with pools.begin(job.target) as control:
        migration = find_migration(control, job.migration_id)
        tables = read_tables(control, job.migration_id)
        throttle = read_throttle(control, job.migration_id)
    for table in tables:
        if migration is not None and table.id == job.table_id:
            return migration, table, throttle
    raise FencedError(f"Migration {job.migration_id} no longer has a table {job.table_id}.")


def _perform(kind: JobKind, context: JobContext) -> Done | None:
    """None: it has stopped the migration."""
    try:
        return kind.perform(context)
    except FencedError:
        raise
    except Exception as error:
        reason = _stop_reason(kind, context, error)
        if reason is None:
            raise
        if not isinstance(error, TranshipError):
            log.exception("a defect; it was tried often enough")
        fail_migration(context, kind.role, reason)
        return None


def _stop_reason(kind: JobKind, context: JobContext, error: Exception) -> TranshipError | None:
    with context.control() as control:
        attempts = kind.attempts(control, context.table, context.number)
    return stop_reason(kind, error, context, attempts, kind.limit(context.pools.settings))


def fail_migration(context: JobContext, role: Role, reason: TranshipError) -> None:
    """Record why the migration can't go on; the coordinator acts on it."""
    failure = Failure.of(role, reason)
    with context.control() as control:
        record_failure(control, context.migration.id, failure)


def _tell(job: Job, send_advance: SendAdvance) -> None:
    try:
        send_advance(job.target, job.migration_id)
    except RetryableError as error:  # what was done stays done; the next tick finds it
        log.warning("%s", error)
