"""How far a migration is, what happens next, and what that waits for: for people and scripts.

It only reads, and is never in the way: if the source does not answer, only the lag is missing.
`as_json` turns everything in a `Progress` into what JSON has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from pipeline.control.cut_over_parts import read_attempts
from pipeline.control.events import LoggedEvent, last_alarm, last_events
from pipeline.control.hooks import failed_hooks, last_run
from pipeline.control.leases import holder
from pipeline.control.migration_tables import read_tables
from pipeline.control.migrations import read_migration
from pipeline.control.streams import StreamState, find_stream
from pipeline.control.summary import (
    ChunkSummary,
    check_waiting_s,
    chunk_summary,
    coordinated_s_ago,
    rows_copied_lately,
)
from pipeline.control.throttles import read_throttle
from pipeline.control.totals import read_totals
from pipeline.control.touched_keys import count_touched, keys_per_s
from pipeline.domain.cut_over_parts import CutOverAttempt
from pipeline.domain.hook_names import Hook
from pipeline.domain.migration import Failure, Migration, MigrationTable, RunningSearch
from pipeline.domain.processes import Processes
from pipeline.domain.reading import Reading
from pipeline.domain.request import MigrationKind
from pipeline.domain.role import Role
from pipeline.domain.stages import (
    STAGES_THAT_COPY,
    STAGES_THAT_REPAIR,
    STAGES_THAT_SEARCH,
    STAGES_THAT_VERIFY,
    Stage,
    wants_stream,
)
from pipeline.domain.way_back import Direction
from pipeline.errors import TranshipError
from pipeline.mysql.flavours import log_retention_s
from pipeline.mysql.pools import Pools
from pipeline.status.indexes import BuildState, IndexProgress, read_indexes
from pipeline.status.next_step import StatusFacts, next_step
from pipeline.status.to_json import plain
from pipeline.status.way_back import WayBackProgress, read_way_back
from pipeline.step.lag import source_progress

_PACE_S = 10.0
_WITH_PAUSES = STAGES_THAT_COPY | STAGES_THAT_VERIFY
_EVENTS = 5


@dataclass(frozen=True)
class TableProgress:
    """One table. `chunks_unverified` have to be verified in full; `keys_touched`: how long the
    log of keys is that were touched since they were last verified, up to 100,000;
    `keys_touched_s`: how long comparing those takes, without the waits for the stream."""

    source: str
    target: str
    rows_copied: int
    rows_estimate: int
    bytes_copied: int
    bytes_estimate: int
    chunks_done: int
    chunks_known: int
    planned: bool
    copied: bool
    chunks_unverified: int
    keys_touched: int
    keys_touched_s: float
    waiting_s: float  # for how long no copy worker has taken the oldest message
    indexes: IndexProgress | None = None  # those that were deferred


@dataclass(frozen=True)
class StreamProgress:
    """The stream. The lag is None while the source does not answer."""

    rows_applied: int
    batches: int
    lag_s: float | None
    transactions_behind: int | None
    alive: bool
    owner: str | None
    position_age_s: float  # since the position was moved
    log_left_s: float | None = None  # until the source may purge what comes after the position


@dataclass(frozen=True)
class Progress:
    """One migration, at the control server's time `now`."""

    id: str
    kind: MigrationKind
    change: str | None  # alter only
    source: str
    target: str
    stage: Stage
    since: datetime
    now: datetime
    created_at: datetime
    created_by: str
    tables: tuple[TableProgress, ...]
    rows_per_s: float
    eta_s: float | None
    stream: StreamProgress | None
    coordinated_s_ago: float | None
    coordinator: str | None
    throttled: tuple[Reading, ...]  # what holds copy and verification back now
    chunks_allowed: int | None  # in flight, according to the throttle
    slowed: bool  # since the stream has lagged; until chunks_allowed is at its most again
    gives_way: bool  # to others' statements, which run on the source: pauses after each chunk
    postponed: bool
    abort_asked: bool
    cut_over_attempt: int
    refused_s: float | None  # how long writes were refused (move) or had to wait (alter)
    cut_overs: tuple[CutOverAttempt, ...]
    failure: Failure | None
    hook_failure: str | None  # of on-success: nobody has told the application where to write
    alarm: str | None  # rows that somebody has to look at
    events: tuple[LoggedEvent, ...]
    next: str
    command: str
    direction: Direction = Direction.FORWARD
    until: datetime | None = None  # of a way back: when it ends by itself
    way_back: WayBackProgress | None = None  # of this migration, once it is about to be recorded
    processes: Processes | None = None  # None: nobody has asked for them
    log_search: RunningSearch | None = None  # of a binary log, that is going on
    cleaned_at: datetime | None = None  # what it left behind has been dropped
    hooks_failed: tuple[Hook, ...] = ()  # whose last run has failed

    def as_json(self) -> dict[str, Any]:
        """The same, in what JSON has; moments in ISO 8601, UTC."""
        return dict(plain(self))


def read_progress(
    pools: Pools, target: str, migration_id: str, processes: Processes | None = None
) -> Progress:
    """Everything a person may want to know about a migration now.

    `processes` are those that answered a moment ago, if somebody has asked.

    Raises:
        RefusedError: there is no such migration on `target`.
        RetryableError: `target` does not answer.
    """
    # One state: the proof ends the stream and the stage at once, and neither alone is true.
    with pools.snapshot(target) as control:
        migration = read_migration(control, migration_id)
        tables = read_tables(control, migration_id)
        progress = replace(_from_control(control, migration, tables), processes=processes)
        state = find_stream(control, migration_id)
        caught_up_at = read_throttle(control, migration_id).caught_up_at
    if state is not None and progress.stream is not None and wants_stream(migration.stage):
        stream = _with_lag(pools, migration, state, caught_up_at, progress.stream)
        progress = replace(progress, stream=stream)
    progress = replace(progress, way_back=read_way_back(pools, migration))
    view = next_step(_status_facts(pools, migration, progress))
    return replace(progress, next=view.sentence, command=view.command)


def _from_control(
    control: Connection, migration: Migration, tables: list[MigrationTable]
) -> Progress:
    shown = tuple(_table(control, migration, one) for one in tables)
    pace = _pace(control, migration, tables)
    coordinator = holder(control, migration.id, Role.COORDINATE)
    throttle = read_throttle(control, migration.id)
    attempts = read_attempts(control, migration.id)
    return Progress(
        id=migration.id, kind=migration.kind,
        change=tables[0].placement.change if tables else None,
        source=migration.source, target=migration.target,
        stage=migration.stage, since=migration.stage_since, now=migration.now,
        created_at=migration.created_at, created_by=migration.created_by,
        tables=shown, rows_per_s=pace, eta_s=_eta(migration.stage, shown, pace),
        stream=_stream(control, migration),
        coordinated_s_ago=coordinated_s_ago(control, migration.id),
        coordinator=coordinator.owner if coordinator and coordinator.alive else None,
        throttled=throttle.all_reasons, chunks_allowed=throttle.window,
        slowed=throttle.slowed, gives_way=throttle.gives_way and migration.stage in _WITH_PAUSES,
        postponed=migration.postponed, abort_asked=migration.abort_asked,
        cut_over_attempt=migration.attempt,
        refused_s=attempts[-1].total_s if migration.stage is Stage.DONE and attempts else None,
        cut_overs=attempts,
        failure=migration.failure, hook_failure=_hook_failure(control, migration),
        alarm=last_alarm(control, migration.id),
        events=tuple(last_events(control, migration.id, _EVENTS)),
        next="", command="", cleaned_at=migration.cleaned_at,
        hooks_failed=failed_hooks(control, migration.id), direction=migration.request.direction,
        until=None if migration.request.back is None else migration.request.back.until,
        log_search=migration.log_search if migration.stage in STAGES_THAT_SEARCH else None,
    )  # fmt: skip


def _hook_failure(control: Connection, migration: Migration) -> str | None:
    last = last_run(control, migration.id, Hook.ON_SUCCESS)
    if migration.stage is not Stage.SWITCHING or last is None or not last.failed:
        return None
    return f"{Hook.ON_SUCCESS} exited {last.exit_code}: {last.output or ''}".rstrip(": ")


def _table(control: Connection, migration: Migration, table: MigrationTable) -> TableProgress:
    chunks, totals = chunk_summary(control, table), read_totals(control, table)
    if migration.cleaned_at is not None:  # the totals outlive the chunks
        chunks = ChunkSummary(totals.chunks_verified, totals.chunks_verified, 0.0)
    touched = count_touched(control, table) if migration.stage in STAGES_THAT_REPAIR else 0
    return TableProgress(
        source=str(table.source), target=_target_name(migration.stage, table),
        rows_copied=totals.rows_copied, rows_estimate=table.rows_estimate,
        bytes_copied=totals.bytes_copied, bytes_estimate=table.bytes_estimate,
        chunks_done=chunks.done, chunks_known=chunks.known,
        planned=table.planned, copied=table.copied,
        chunks_unverified=chunks.known - totals.chunks_verified,
        keys_touched=touched, keys_touched_s=touched / keys_per_s(control, table),
        indexes=read_indexes(control, table),
        waiting_s=max(chunks.waiting_s, check_waiting_s(control, table)),
    )  # fmt: skip


def _target_name(stage: Stage, table: MigrationTable) -> str:
    given = stage in (Stage.SWITCHING, Stage.DONE) and not table.placement.swapped
    return str(table.live_name if given else table.target)


def _pace(control: Connection, migration: Migration, tables: list[MigrationTable]) -> float:
    if migration.stage is not Stage.COPYING:
        return 0.0
    over = min(_PACE_S, max(1.0, _seconds(migration.stage_since, migration.now)))
    return rows_copied_lately(control, tables, over) / over


def _eta(stage: Stage, tables: Sequence[TableProgress], pace: float) -> float | None:
    """Seconds of copying left; the estimate of rows may be too low."""
    if stage is not Stage.COPYING or pace <= 0:
        return None
    left = sum(max(0, one.rows_estimate - one.rows_copied) for one in tables if not one.copied)
    return left / pace if left else None


def _stream(control: Connection, migration: Migration) -> StreamProgress | None:
    state = find_stream(control, migration.id)
    if state is None:
        return None
    held = holder(control, migration.id, Role.STREAM)
    # When the stage was read: the clock does not stand still in a snapshot.
    alive = held is not None and held.held_at(migration.now)
    owner = held.owner if held is not None and alive else None
    age_s = _seconds(state.applied_at, state.now)
    return StreamProgress(state.rows_applied, state.batches, None, None, alive, owner, age_s)


def _with_lag(
    pools: Pools,
    migration: Migration,
    state: StreamState,
    caught_up_at: float | None,
    stream: StreamProgress,
) -> StreamProgress:
    try:
        with pools.begin(migration.source) as source:
            there, kept_s = source_progress(source), log_retention_s(source)
    except TranshipError:
        return stream
    behind, lag_s = there.executed.missing_from(state.position), there.lag_s(state, caught_up_at)
    left_s = None if kept_s is None else max(0.0, kept_s - lag_s)
    return replace(stream, lag_s=lag_s, transactions_behind=behind, log_left_s=left_s)


def _status_facts(pools: Pools, migration: Migration, progress: Progress) -> StatusFacts:
    tables, stream = progress.tables, progress.stream
    return StatusFacts(
        id=migration.id, kind=migration.kind, source=migration.source, target=migration.target,
        stage=migration.stage, after_restore=migration.after_restore,
        postponed=migration.postponed,
        direction=progress.direction, until=progress.until,
        roll_back_asked=migration.request.back is not None and migration.request.back.asked,
        way_back=progress.way_back,
        window=None if migration.in_window else str(migration.request.cut_over_window),
        failure=migration.failure, hook_failure=progress.hook_failure,
        throttled=progress.throttled, gives_way=progress.gives_way,
        chunks_left=sum(one.chunks_known - one.chunks_done for one in tables),
        planned=all(one.planned for one in tables),
        unverified=sum(one.chunks_unverified for one in tables),
        touched=sum(one.keys_touched for one in tables),
        indexes_left=sum(_indexes_left(one) for one in tables),
        touched_s=sum(one.keys_touched_s for one in tables),
        touched_limit_s=pools.settings.checksum.converged_s,
        waiting_s=max((one.waiting_s for one in tables), default=0.0),
        lag_s=(stream.lag_s if stream else None) or 0.0,
        lag_limit_s=pools.settings.cut_over.ready_lag_s,
        verify_lag_s=pools.settings.checksum.drain_wait_s,
        stream_alive=stream is not None and stream.alive,
        coordinated_s_ago=progress.coordinated_s_ago,
        stage_s=_seconds(migration.stage_since, migration.now),
        retry_s=_seconds(migration.now, migration.retry_at) if migration.retry_at else 0.0,
        refused_s=_seconds(migration.blocked_at, migration.now) if migration.blocked_at else 0.0,
        refused_limit_s=pools.settings.cut_over.limit_s,
        log_search=progress.log_search,
        processes=progress.processes, cleaned_up=progress.cleaned_at is not None,
    )  # fmt: skip


def _indexes_left(table: TableProgress) -> int:
    indexes = table.indexes
    return 0 if indexes is None or indexes.state is BuildState.BUILT else len(indexes.names)


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
