"""Every metric, as data: its name, what it means, and from where in a `Progress` it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pipeline.domain.stages import ENDED, Stage
from pipeline.status.progress import Progress, StreamProgress, TableProgress
from pipeline.status.way_back import WayBackProgress

Told = TypeVar("Told", Progress, StreamProgress, TableProgress)
OF_MIGRATION = ("migration", "kind", "source", "target")
OF_TABLE = (*OF_MIGRATION, "table")
OF_REASON = (*OF_MIGRATION, "signal", "server", "subject")
OF_STAGE = (*OF_MIGRATION, "stage")
OF_PART = (*OF_MIGRATION, "part")


@dataclass(frozen=True)
class Figure(Generic[Told]):
    """One number of a migration, its stream or a table; None is left out."""

    about: str
    read: Callable[[Told], float | None]
    grows: bool = False


def _way_back_open(back: WayBackProgress | None) -> bool | None:
    """None once it was taken, or its time is over: nobody has to be told of that."""
    return None if back is None or back.stage in ENDED else back.stands_open


MIGRATION: dict[str, Figure[Progress]] = {
    "stage_seconds": Figure(
        "For how long it has been in its stage.", lambda one: (one.now - one.since).total_seconds()
    ),
    "postponed": Figure("1: the cut-over is postponed.", lambda one: one.postponed),
    "failed": Figure(
        "1: it has stopped, and can be resumed or aborted.", lambda one: one.stage is Stage.FAILED
    ),
    "hook_failed": Figure(
        "1: the tables are switched, but the hook on-success fails.",
        lambda one: one.hook_failure is not None,
    ),
    "alarm": Figure(
        "1: others have written to its tables, and the rows are named in its events.",
        lambda one: one.alarm is not None,
    ),
    "hooks_failed": Figure(
        "Hooks whose last run has failed, of whatever kind.", lambda one: len(one.hooks_failed)
    ),
    "coordinated_seconds": Figure(
        "How long ago a coordinator was last active; not once it has ended or failed.",
        lambda one: None if one.stage in (*ENDED, Stage.FAILED) else one.coordinated_s_ago,
    ),
    "eta_seconds": Figure("Seconds of copying left, by an estimate.", lambda one: one.eta_s),
    "throttled": Figure(
        "How many reasons hold copy and verification back.", lambda one: len(one.throttled)
    ),
    "slowed": Figure(
        "1: copy and verification are slowed down, since the stream has lagged.",
        lambda one: one.slowed,
    ),
    "gives_way": Figure(
        "1: others use the source, so workers pause after each chunk.",
        lambda one: one.gives_way,
    ),
    "chunks_allowed": Figure(
        "Chunks that the throttle allows in flight.", lambda one: one.chunks_allowed
    ),
    "copy_rows_per_second": Figure("Rows copied per second, lately.", lambda one: one.rows_per_s),
    "cut_over_attempts": Figure(
        "Attempts at the cut-over.", lambda one: one.cut_over_attempt, grows=True
    ),
    "way_back_open": Figure(
        "1: it can be rolled back; 0: its way back is not there, has failed, or can't be asked.",
        lambda one: _way_back_open(one.way_back),
    ),
    "way_back_seconds_left": Figure(
        "For how long a way back stands open.",
        lambda one: None if one.until is None else (one.until - one.now).total_seconds(),
    ),
    "refused_seconds": Figure(
        "For how long writes were refused, or had to wait.", lambda one: one.refused_s
    ),
}
STREAM: dict[str, Figure[StreamProgress]] = {
    "apply_lag_seconds": Figure("How far the target is behind the source.", lambda one: one.lag_s),
    "transactions_behind": Figure(
        "Transactions of the source not yet applied.", lambda one: one.transactions_behind
    ),
    "position_age_seconds": Figure(
        "How long ago the position last moved.", lambda one: one.position_age_s
    ),
    "log_left_seconds": Figure(
        "Until the source may purge the log after the position; not there if it never does.",
        lambda one: one.log_left_s,
    ),
    "rows_applied": Figure(
        "Row changes applied from the binary log.", lambda one: one.rows_applied, grows=True
    ),
    "streamer_up": Figure("1: a streamer holds the role.", lambda one: one.alive),
}
TABLE: dict[str, Figure[TableProgress]] = {
    "rows_copied": Figure("Rows copied.", lambda one: one.rows_copied, grows=True),
    "rows_estimate": Figure("All rows, by the server's estimate.", lambda one: one.rows_estimate),
    "bytes_copied": Figure("Bytes copied.", lambda one: one.bytes_copied, grows=True),
    "chunks_done": Figure("Chunks copied.", lambda one: one.chunks_done, grows=True),
    "chunks_known": Figure("Chunks planned so far.", lambda one: one.chunks_known),
    "chunks_unverified": Figure(
        "Chunks to be verified in full.", lambda one: one.chunks_unverified
    ),
    "keys_touched": Figure(
        "Keys touched and not verified since, once for each batch.", lambda one: one.keys_touched
    ),
    "keys_touched_seconds": Figure(
        "Seconds that verifying those keys takes.", lambda one: one.keys_touched_s
    ),
}
SERVER_UP = "tranship_server_up"
BROKER_UP = "tranship_broker_up"
WORKERS = "tranship_workers"
OUTDATED = "tranship_workers_outdated"
NOT_STARTED = "tranship_schedule_not_started"
OF_SCHEDULE = ("schedule", "kind", "source", "target")
# Those that are not about one migration.
SETUP = {
    SERVER_UP: (("server",), "1: the server answers."),
    BROKER_UP: ((), "1: the broker answers."),
    WORKERS: (("role",), "Workers of that role that answer."),
    OUTDATED: ((), "Workers that answer with another configuration than this endpoint's."),
    NOT_STARTED: (OF_SCHEDULE, "1: the last run of the schedule could not start, or was missed."),
}
REASON = "tranship_throttle_reason"
REASON_TEXT = "1 for each signal that holds copy and verification back."
STAGE = "tranship_stage"
PART = "tranship_refused_part_seconds"
PART_TEXT = "What the last attempt to cut over was spent on, while writes were refused or waited."


@dataclass(frozen=True)
class Described:
    """A metric, by the name that a query has to use."""

    name: str
    kind: str
    labels: tuple[str, ...]
    about: str


def described() -> list[Described]:
    """Every metric."""
    found = [
        *(Described(name, "gauge", *one) for name, one in SETUP.items()),
        Described(STAGE, "gauge", OF_STAGE, "1 for the present one."),
        Described(REASON, "gauge", OF_REASON, REASON_TEXT),
        Described(PART, "gauge", OF_PART, PART_TEXT),
    ]
    found += _described(MIGRATION, OF_MIGRATION)
    found += _described(STREAM, OF_MIGRATION)
    found += _described(TABLE, OF_TABLE)
    return found


def _described(figures: Mapping[str, Figure[Any]], labels: tuple[str, ...]) -> Iterator[Described]:
    for name, figure in figures.items():
        ending, kind = ("_total", "counter") if figure.grows else ("", "gauge")
        yield Described(f"tranship_{name}{ending}", kind, labels, figure.about)
