"""The stages of a migration as data: which may follow which, and how each is undone.

The point of no return is the step into SWITCHING. Before it an abort gives the source its
tables back; from it on, the target is the truth.

    preparing → copying → converging → ready ⇄ blocking → draining → verifying → switching → done
                                         ↑         └──────────┴──────────┘
                                         └─────────── restoring → aborted, failed

In `blocking` writes stop: a move renames the source's tables, an alter locks its table. Between
`verifying` and `switching` an alter is `swapping`: the lock is about to be released, and after a
crash the server says whether the swap has happened. So is the way back of a move: the old tables
are about to get their names again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum


class Stage(StrEnum):
    """Where a migration is. RULES says what may follow what."""

    PREPARING = "preparing"
    COPYING = "copying"
    CONVERGING = "converging"
    READY = "ready"
    BLOCKING = "blocking"
    DRAINING = "draining"
    VERIFYING = "verifying"
    SWAPPING = "swapping"  # alter, and the way back of a move
    SWITCHING = "switching"
    RESTORING = "restoring"
    DONE = "done"
    ABORTED = "aborted"
    FAILED = "failed"


class Undo(Enum):
    """What gives the source its tables back."""

    NOTHING = "nothing: the source is as it was"
    RENAME_BACK = "rename the source's tables back"
    LOOK_FIRST = "if the swap has not happened, unlock the table, or rename the source's back"
    IMPOSSIBLE = "the target is the truth now"


@dataclass(frozen=True)
class Rule:
    """What holds while a migration is in a stage."""

    follows: frozenset[Stage]
    undo: Undo
    streams: bool
    purpose: str  # what a person reads as "next"


def _rule(follows: set[Stage], undo: Undo, streams: bool, purpose: str) -> Rule:
    return Rule(frozenset(follows), undo, streams, purpose)


S = Stage
RULES: dict[Stage, Rule] = {
    S.PREPARING: _rule(
        {S.COPYING, S.RESTORING}, Undo.NOTHING, False,
        "create the target tables and note where the binary log stands",
    ),
    S.COPYING: _rule(
        {S.CONVERGING, S.RESTORING}, Undo.NOTHING, True, "copy the existing rows",
    ),
    S.CONVERGING: _rule(
        {S.READY, S.RESTORING}, Undo.NOTHING, True, "verify every chunk",
    ),
    S.READY: _rule(
        {S.BLOCKING, S.RESTORING}, Undo.NOTHING, True, "cut over",
    ),
    S.BLOCKING: _rule(
        {S.READY, S.DRAINING, S.RESTORING}, Undo.RENAME_BACK, True,
        "rename the source's tables, or lock the one that is altered: writes stop",
    ),
    S.DRAINING: _rule(
        {S.VERIFYING, S.RESTORING}, Undo.RENAME_BACK, True,
        "apply the last changes of the source",
    ),
    S.VERIFYING: _rule(
        {S.SWITCHING, S.SWAPPING, S.RESTORING}, Undo.RENAME_BACK, False,
        "verify the rows touched since",
    ),
    S.SWAPPING: _rule(
        {S.SWITCHING, S.RESTORING}, Undo.LOOK_FIRST, False,
        "let the waiting rename through, or give the old tables their names",
    ),
    S.SWITCHING: _rule(
        {S.DONE}, Undo.IMPOSSIBLE, False, "run the on-success hook: writes can go on",
    ),
    S.RESTORING: _rule(
        {S.RESTORING, S.READY, S.ABORTED, S.FAILED}, Undo.RENAME_BACK, False,
        "give the source its tables back",
    ),
    S.DONE: _rule(set(), Undo.IMPOSSIBLE, False, "clean-up"),
    S.ABORTED: _rule(set(), Undo.NOTHING, False, "clean-up"),
    S.FAILED: _rule(
        {S.PREPARING, S.COPYING, S.CONVERGING, S.READY, S.RESTORING},
        Undo.NOTHING, False, "resume or abort",
    ),
}  # fmt: skip

ENDED = (S.DONE, S.ABORTED)
# Where the source's rows may be under their retired name.
MAY_BE_RETIRED = frozenset(
    {S.BLOCKING, S.DRAINING, S.VERIFYING, S.SWAPPING, S.SWITCHING, S.RESTORING}
)
# Where the application can't write, and only we can give it its tables back.
WRITES_BLOCKED = frozenset({S.BLOCKING, S.DRAINING, S.VERIFYING, S.SWAPPING, S.RESTORING})
STAGES_THAT_COPY = frozenset({S.COPYING})
STAGES_THAT_VERIFY = frozenset({S.CONVERGING, S.READY})  # by workers; a cut-over does it itself
STAGES_THAT_REPAIR = STAGES_THAT_VERIFY | {S.VERIFYING}
STAGES_THAT_SEARCH = frozenset({S.READY, S.SWITCHING})  # binary logs, for what others write


def allowed(old: Stage, new: Stage) -> bool:
    """Whether `new` may follow `old`."""
    return new in RULES[old].follows


# The stages that a migration enters only if nobody has asked for its end: each of them leads to
# another end, and whoever asked was told that it will be aborted.
NOT_IF_ABORTED = frozenset({S.BLOCKING, S.SWAPPING, S.SWITCHING, S.FAILED})


def wants_stream(stage: Stage) -> bool:
    """Whether the binary log is applied in this stage."""
    return RULES[stage].streams


def can_abort(stage: Stage) -> bool:
    """Whether an abort is certain to give the source its tables back."""
    certain = RULES[stage].undo not in (Undo.IMPOSSIBLE, Undo.LOOK_FIRST)
    return certain and stage is not Stage.ABORTED
