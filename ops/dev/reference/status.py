"""What `tranship status --json` holds, from the dataclasses it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from ops.dev.reference.markdown import head, table
from pipeline.control.events import LoggedEvent
from pipeline.domain.cut_over_parts import CutOverAttempt, Part, PartTime
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import Failure, RunningSearch
from pipeline.domain.processes import Processes, WorkerNode
from pipeline.domain.reading import Reading, Signal
from pipeline.domain.role import Role
from pipeline.domain.stages import RULES, Stage
from pipeline.status.indexes import IndexProgress
from pipeline.status.progress import Progress, StreamProgress, TableProgress
from pipeline.status.way_back import WayBackProgress

ABOUT: dict[type, dict[str, str]] = {
    Progress: {
        "id": "the migration",
        "kind": "`move` or `alter`",
        "change": "alter only: what follows the table's name in ALTER TABLE",
        "source": "server, as the configuration calls it",
        "target": "server; alter: the same as the source",
        "stage": "one of those below",
        "since": "when it entered this stage",
        "now": "by the control server's clock, like all times here",
        "created_at": "when it was started",
        "created_by": "who started it: `user@host`, or `schedule ID`",
        "tables": "one object for each, see below",
        "rows_per_s": "rows copied per second, over the last 10 s of copying",
        "eta_s": "seconds of copying left: the server's estimate of all rows, less those copied, at"
        " that pace. The estimate may be off by half. null when it is not copying",
        "stream": "see below; null before it is set up",
        "coordinated_s_ago": "how long ago a coordinator was last active; null: none ever was",
        "coordinator": "who is coordinating at this moment; mostly null, since a step is short",
        "throttled": "what holds copy and verification back now, see below; empty: nothing",
        "chunks_allowed": "chunks in flight that the throttle allows; null: not assessed yet",
        "slowed": "copy and verification are slowed down, as the stream has lagged; until as many"
        " chunks are allowed as is configured",
        "gives_way": "others used the source at the last look, so workers pause after each chunk"
        " (`throttle.busy_nice_ratio`)",
        "postponed": "the cut-over waits for `tranship cut-over`",
        "abort_asked": "`tranship abort` was called",
        "cut_over_attempt": "how many cut-overs have begun",
        "refused_s": "once it is done: for how long writes were refused (move) or waited (alter)",
        "cut_overs": "every attempt to cut over so far, see below; the last one is the latest",
        "failure": "why it has stopped, see below; null if it has not",
        "hook_failure": "how `on-success` ended, if it fails: nobody has told the application"
        " where to write; else null",
        "alarm": "rows that others have written to its tables, as the latest event about such rows"
        " names them; null if there were none",
        "events": "the last five of the event log, oldest first",
        "next": "what happens next and what that waits for, for a person",
        "command": "the command that is useful now",
        "processes": "the broker and the workers that answered, see below; null once it has ended",
        "log_search": "the search of a binary log that is going on, see below; null: none is",
        "cleaned_at": "when what it left behind was dropped; null: it was not",
        "hooks_failed": "the hooks whose last run has failed",
        "direction": "`forward`, or `back`: it takes a move back; after that `forward` again …",
        "until": "of a way back: when it ends by itself, if nobody has asked for it; else null",
        "way_back": "the way back of this migration, see below; null: none was asked for, or it has"
        " not switched yet",
    },
    WayBackProgress: {
        "id": "of the migration that it is, on the server that is `source` here",
        "direction": "where it leads",
        "until": "when it ends by itself; null: not known",
        "asked": "whether a roll-back has been asked for: it does not end by itself any more",
        "stage": "of that migration; null: it is not recorded, or the server does not answer",
        "lag_s": "how far the old tables are behind; null: not known",
        "keys_touched": "keys touched and not verified since",
        "trouble": "why it has failed, or why the server does not answer; else null",
    },
    RunningSearch: {
        "server": "whose binary log is searched for what others have written",
        "since": "when that began",
        "at": "when the rest was noted",
        "read": "transactions so far",
        "total": "transactions to read in all, as far as the coordinator's last step knew",
    },
    TableProgress: {
        "source": "`schema.table`",
        "target": "`schema.table`; alter: the table being filled",
        "rows_copied": "by chunks that are done",
        "rows_estimate": "by the source's statistics at the start",
        "bytes_copied": "as sent to the target",
        "bytes_estimate": "by the source's statistics at the start",
        "chunks_done": "",
        "chunks_known": "planned so far",
        "planned": "no more chunks will be added",
        "copied": "every chunk is done",
        "chunks_unverified": "to be verified in full",
        "keys_touched": "keys touched and not verified since, once for each batch; at most 100,000",
        "keys_touched_s": "seconds that comparing those takes, as fast as it went last",
        "waiting_s": "for how long no copy worker has taken the oldest message",
        "indexes": "the indexes that were deferred, see below; null: none was",
    },
    IndexProgress: {
        "names": "",
        "state": "`deferred` until the rows are there, then `building`, then `built`",
        "seconds": "that adding them has taken, or took",
        "share": "how much of that is done, from 0 to 1; null: the server does not say",
    },
    StreamProgress: {
        "rows_applied": "row changes from the binary log, coalesced",
        "batches": "transactions on the target that contained them",
        "lag_s": "how far the target is behind; null: the source does not answer",
        "transactions_behind": "transactions of the source that are not applied yet; null as above",
        "alive": "a streamer holds the role",
        "owner": "its `host:pid`",
        "position_age_s": "seconds since the position last moved",
        "log_left_s": "seconds until the source may purge the log that comes after the position;"
        " null: it does not purge by age, or does not answer",
    },
    Reading: {
        "signal": "what is over its limit, one of those below",
        "value": "null: it can't be read. If the answer is yes or no, 1 means yes",
        "limit": "the value that holds it back; 1 if the answer is yes or no",
        "server": "the server that was asked, if any",
        "subject": "what was read: a status variable, a file, a URL, a person",
        "trouble": "why it can't be read",
    },
    CutOverAttempt: {
        "attempt": "its number",
        "parts": "what its time was spent on, see below: those parts that have ended, in order",
    },
    PartTime: {
        "part": "one of those below",
        "ms": "milliseconds; all parts of an attempt add up to the time in which writes were"
        " refused (move) or waited (alter)",
    },
    Failure: {
        "role": "what was being done: " + ", ".join(f"`{one}`" for one in Role),
        "explanation": "why",
        "remedy": "what to do",
        "resumable": "`false`: only a new migration helps, so `resume` is refused",
        "obstacle": "while it is `restoring`: an object like this one, why the source can't be"
        " given its tables back; null if nothing is in the way",
    },
    Processes: {
        "broker_trouble": "why the broker does not answer; null if it does",
        "workers": "one object for each worker that has answered within a second, see below",
    },
    WorkerNode: {
        "name": "its node, as Celery calls it",
        "roles": "what it does: " + ", ".join(f"`{one}`" for one in Role),
        "outdated": "its configuration is not the one that this command reads",
        "clock_ahead_s": "how far its clock is ahead of this machine's; negative: behind",
    },
    LoggedEvent: {
        "id": "grows",
        "at": "when",
        "kind": "what it is about, one of those below",
        "message": "for a person",
        "by": "who or which process",
    },
}
SIGNALS = {
    Signal.REPLICA_LAG: "how late the replica `server` is, in seconds",
    Signal.LOAD: "the status variable `subject` of `server`",
    Signal.HISTORY_LIST: "InnoDB's history list length on `server`",
    Signal.APPLY_LAG: "how far the stream is behind, in seconds",
    Signal.FLAG_FILE: "whether the file `subject` exists where the coordinator runs",
    Signal.QUERY: "whether the configured query on `server` gives anything but 0 or NULL",
    Signal.HTTP: "whether the URL `subject` answers anything but 200",
    Signal.BY_HAND: "`tranship throttle`, called by `subject`",
}
PARTS = {
    Part.LOCK: "move: until the rename has its locks and has happened; alter: until the table is"
    " locked and the rename is seen to wait",
    Part.DRAIN: "until the target has everything that the source had executed",
    Part.VERIFY: "until the rows touched since their last verification are verified",
    Part.PROOF: "until the proof is about to be committed",
    Part.SWAP: "alter, and way back: from there until the rename has happened",
    Part.HOOK: "move only: from there until the hook `on-success` has succeeded",
    Part.RESTORE: "of an attempt that did not succeed: until writes go on as before",
}
EVENT_KINDS = {
    EventKind.CREATED: "the migration was started",
    EventKind.STAGE: "it went from one stage to another",
    EventKind.CONTROL: "a person asked for something, or changed a setting",
    EventKind.THROTTLE: "it is held back, or no longer",
    EventKind.HOOK: "a hook ran",
    EventKind.CHUNK: "a chunk was released, since its worker is gone",
    EventKind.INDEX: "deferred indexes are being added, or are there",
    EventKind.DIFFERENCE: "a verification found a difference, which is repaired",
    EventKind.RENAME: "the rename of a move's cut-over did not succeed at once",
    EventKind.SWAP: "only the server can say whether an alter's tables were swapped",
    EventKind.CUT_OVER: "for how long writes were refused or waited, and what that was spent on;"
    " or: the cut-over is postponed, since the last attempt has failed, too; or: the search of a"
    " binary log takes long, or has ended",
    EventKind.FORCE: "a connection that blocked the cut-over was killed",
    EventKind.SOURCE: "the source is another server, or has restarted and may have lost something;"
    " every row is verified again",
    EventKind.ALARM: "others have written to its tables: which rows, who, and what was done",
    EventKind.WAY_BACK: "the way back stands open, or there is none, and why",
    EventKind.FAILURE: "why it has stopped",
    EventKind.SCHEDULE: "a scheduled run could not start (`tranship schedule events`)",
}
_TITLES = {
    Progress: "The object",
    TableProgress: "tables[]",
    WayBackProgress: "way_back",
    RunningSearch: "log_search",
    IndexProgress: "tables[].indexes",
    StreamProgress: "stream",
    Reading: "throttled[]",
    CutOverAttempt: "cut_overs[]",
    PartTime: "cut_overs[].parts[]",
    Failure: "failure",
    LoggedEvent: "events[]",
    Processes: "processes",
    WorkerNode: "processes.workers[]",
}


def page() -> str:
    """docs/reference/status-json.md."""
    parts = [head("tranship status --json", "pipeline/status/progress.py", _INTRODUCTION)]
    for one, title in _TITLES.items():
        parts.append(f"## {title}\n\n{table(('field', 'type', ''), _rows(one))}")
    parts.append(f"## Signals\n\n{table(('signal', 'what it reads'), _members(SIGNALS))}")
    cut_over_parts = table(("part", "what ends it"), _members(PARTS))
    parts.append(f"## Parts of a cut-over\n\n{cut_over_parts}")
    kinds = table(("kind", "what it tells"), _members(EVENT_KINDS))
    parts.append(f"## Kinds of events\n\n{kinds}")
    stages = [(f"`{stage}`", RULES[stage].purpose, RULES[stage].undo.value) for stage in Stage]
    parts.append(f"## Stages\n\n{table(('stage', 'what it is for', 'undone by'), stages)}")
    return "\n".join(parts)


def _rows(one: Any) -> list[tuple[str, str, str]]:
    hints = get_type_hints(one)
    return [
        (f"`{field.name}`", _json_type(hints[field.name]), ABOUT[one][field.name])
        for field in fields(one)
    ]


def _members(about: Mapping[Any, str]) -> list[tuple[str, str]]:
    return [(f"`{member}`", meaning) for member, meaning in about.items()]


def _json_type(hint: Any) -> str:
    """`integer`, `string or null`: what JSON makes of a field's type."""
    if NoneType in get_args(hint):
        (inner,) = (one for one in get_args(hint) if one is not NoneType)
        return f"{_json_type(inner)} or null"
    if get_origin(hint) is tuple:
        return "list"
    if is_dataclass(hint):
        return "object"
    return next(shown for kind, shown in _SHOWN.items() if issubclass(hint, kind))


_SHOWN = {
    datetime: "moment",
    str: "string",
    bool: "boolean",  # before int, which it is a kind of
    int: "integer",
    float: "number",
}
_INTRODUCTION = """
One object. Fields may be added; none changes its meaning or goes unless the changelog says so.
Moments are ISO 8601 in UTC, with a `Z`. `tranship list --json` and `tranship schedule list
--json` are the same in kind: an object with `migrations` or `schedules`, and `unreachable`: servers
that did not answer, each with the reason.
"""
