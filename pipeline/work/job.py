"""A job and its rules: what it is, whether it is done now, what its errors mean.

Nothing here reads or writes, so each rule is a plain function. A message may arrive late, twice, or
for a migration that has moved on; only the control schema says whether its job is still wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from pipeline.configuration.settings import Settings, Throttle
from pipeline.control.throttles import ThrottleState
from pipeline.domain.migration import Migration, MigrationTable
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage
from pipeline.errors import (
    FatalError,
    FencedError,
    RetryableError,
    TranshipError,
    UnreachableError,
)
from pipeline.mysql.pools import Pools

_LONGEST_PAUSE_S = 60.0
WHOLE_TABLE = -1  # instead of a chunk


@dataclass(frozen=True, kw_only=True)
class Job:
    """One message: a chunk to copy or to verify, or a table's touched keys. It holds ids only."""

    target: str
    migration_id: str
    table_id: int
    number: int = WHOLE_TABLE


@dataclass(frozen=True)
class JobContext:
    """What a job's ids stand for, and who does it."""

    pools: Pools
    migration: Migration
    table: MigrationTable
    number: int
    owner: str

    def control(self) -> AbstractContextManager[Connection]:
        """A transaction on the control schema."""
        return self.pools.begin(self.migration.target)


@dataclass(frozen=True)
class Done:
    """What a job has come to."""

    changed: bool  # there is something new for the coordinator
    source_s: float = 0.0  # for how long the source was busy with it, at others' expense


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """What differs between copying a chunk and verifying one."""

    role: Role  # which the failure names if the job stops the migration
    stages: frozenset[Stage]  # in which it is wanted
    perform: Callable[[JobContext], Done]
    unsend: Callable[[Connection, MigrationTable, int], None]
    attempts: Callable[[Connection, MigrationTable, int], int]  # those that count
    limit: Callable[[Settings], int]  # of them; then an error stops the migration
    what: str  # it is called then; {number} and {table} say which one
    longest_for_others_s: float = 0.0  # of the pauses while others use the source
    # Whether the coordinator is to know at once of something new; else a later job's end will do,
    # or the tick.
    calls: Callable[[JobContext], bool] = lambda _: True


class JobResult(StrEnum):
    """How a job ended, in the words that Flower shows."""

    CHANGED = "done"
    UNCHANGED = "nothing new"  # done by somebody else, or written meanwhile
    NOT_WANTED = "no longer wanted"
    THROTTLED = "throttled; will be sent again"
    FENCED = "taken over, or cleaned up"
    RETRIED = "temporary trouble; will be sent again"
    FAILED = "failed; will be sent again, the worker's log says why"
    STOPPED = "stopped the migration"

    @property
    def failed(self) -> bool:
        """Whether somebody should look into it: the migration has stopped, or has met a defect."""
        return self in (JobResult.FAILED, JobResult.STOPPED)


def obstacle(kind: JobKind, migration: Migration, throttle: ThrottleState) -> JobResult | None:
    """Why a job is not done now; None if it is."""
    if migration.stage not in kind.stages or migration.failure is not None:
        return JobResult.NOT_WANTED
    if throttle.throttled:
        return JobResult.THROTTLED
    return None


def nice_pause_s(
    kind: JobKind, limits: Throttle, worked_s: float, source_s: float, *, gives_way: bool
) -> float:
    """How long to pause after a job; `source_s` of its time the source was busy with it."""
    for_others_s = limits.busy_nice_ratio * source_s if gives_way else 0.0
    return max(
        min(limits.nice_ratio * worked_s, _LONGEST_PAUSE_S),
        min(for_others_s, kind.longest_for_others_s),
    )


def stop_reason(
    kind: JobKind, error: Exception, context: JobContext, attempts: int, limit: int
) -> TranshipError | None:
    """Why a job that failed with `error` stops its migration; None if it is tried again.

    Temporary trouble is tried again, and so is a defect of ours, but not for ever: after `limit`
    attempts it is not temporary. A server that is away uses up none: nothing was tried.
    """
    if isinstance(error, FencedError | UnreachableError):
        return None
    if isinstance(error, TranshipError) and not isinstance(error, RetryableError):
        return error
    if attempts < limit:
        return None
    what = kind.what.format(number=context.number, table=context.table.source)
    return FatalError(
        f"{what} failed {attempts} times, last with: {error}",
        f"When its cause is gone: tranship resume {context.migration.id}",
    )
