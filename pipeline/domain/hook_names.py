"""All hooks: when each one runs, what its failure means, and what it is told.

The names are gh-ost's. A hook is either asked (its failure holds the migration back) or told
(its failure is a line in the event log). Each may run more than once, and knows by its attempt
number that it does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pipeline.errors import RefusedError


class Hook(StrEnum):
    """Where in a migration's life a command of the operator's may run."""

    STARTUP = "startup"
    VALIDATED = "validated"
    BEFORE_ROW_COPY = "before-row-copy"
    ROW_COPY_COMPLETE = "row-copy-complete"
    BEGIN_POSTPONED = "begin-postponed"
    BEFORE_CUT_OVER = "before-cut-over"
    ON_SUCCESS = "on-success"
    ON_FAILURE = "on-failure"
    STATUS = "status"


class HookStatus(StrEnum):
    """How a hook's last run went."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FORGOTTEN = "forgotten"  # a hook that runs once is to run once more


@dataclass(frozen=True)
class Contract:
    """What an operator can rely on."""

    when: str
    failing: str


_STOPS = "the migration stops with it as the reason; `tranship resume` runs it again"
_NOTED = "noted in the event log; the migration goes on"

CONTRACTS: dict[Hook, Contract] = {
    Hook.STARTUP: Contract("before anything is created on a server", _STOPS),
    Hook.VALIDATED: Contract("the tables to be filled exist and have the right columns", _STOPS),
    Hook.BEFORE_ROW_COPY: Contract("before the first row is copied", _STOPS),
    Hook.ROW_COPY_COMPLETE: Contract("every chunk is copied; verification begins", _NOTED),
    Hook.BEGIN_POSTPONED: Contract(
        "ready for the cut-over, which is postponed: from the start, by `tranship postpone`, or"
        " because `before-cut-over` failed; once each time",
        _NOTED,
    ),
    Hook.BEFORE_CUT_OVER: Contract(
        "right before every attempt at the cut-over",
        "the cut-over is postponed and the source stays as it is; `tranship cut-over` tries again",
    ),
    Hook.ON_SUCCESS: Contract(
        "the tables are switched: the target is the truth, and writes have to go there",
        "repeated every `cut_over.retry_s` until it succeeds",
    ),
    Hook.ON_FAILURE: Contract(
        "the migration has failed or was aborted, and the source has its tables; or a scheduled run"
        " could not start: then there is no migration, stage or attempt to tell of",
        _NOTED,
    ),
    Hook.STATUS: Contract(
        "every `hooks.status_s`, except while writes are refused", "nothing happens"
    ),
}

VARIABLES: dict[str, str] = {
    "TRANSHIP_HOOK": "the hook's name",
    "TRANSHIP_HOOK_ATTEMPT": "1 at first, then 2 …: how often this hook of this migration ran",
    "TRANSHIP_MIGRATION": "the migration's id",
    "TRANSHIP_KIND": "`move` or `alter`",
    "TRANSHIP_DIRECTION": "`forward`; `back` if it is a roll-back; after that `forward` again …",
    "TRANSHIP_STAGE": "the stage it is in; for `on-failure` the one it ends in",
    "TRANSHIP_TABLES": "`schema.table` on the source, with commas",
    "TRANSHIP_TARGET_TABLES": "the same on the target, as they are called after the cut-over of a"
    " move; alter: the table being filled",
    "TRANSHIP_SOURCE": "the source's name in the configuration",
    "TRANSHIP_TARGET": "the target's name",
    "TRANSHIP_CREATED_BY": "who started the migration",
    "TRANSHIP_CUT_OVER_ATTEMPT": "how many cut-overs have begun",
    "TRANSHIP_DRAIN_GTIDS": "after the rename: what the source had executed; otherwise empty",
    "TRANSHIP_FAILURE": "why the migration has stopped; otherwise empty",
}

# For `on-failure` of a run that could not start.
OF_A_SCHEDULE: dict[str, str] = {
    "TRANSHIP_SCHEDULE": "the id of the schedule whose run could not start; else not there",
}

# For `status` alone, which reads the progress anyway.
FIGURES: dict[str, str] = {
    "TRANSHIP_ROWS_COPIED": "rows copied so far",
    "TRANSHIP_ROWS_ESTIMATE": "all rows, by the server's estimate",
    "TRANSHIP_STAGE_S": "how long it has been in this stage, in seconds",
    "TRANSHIP_NEXT": "what happens next and what it waits for, as `tranship status` says it",
}


def hook_named(text: str) -> Hook:
    """The hook of that name; `success` and `failure` are known without their `on-`, too.

    Raises:
        RefusedError: there is none.
    """
    for spelling in (text, f"on-{text}"):
        if spelling in list(Hook):
            return Hook(spelling)
    raise RefusedError(f"There is no hook '{text}'.", f"There are: {', '.join(Hook)}.")


def commands_by_hook(named: Iterable[tuple[str, str]]) -> dict[Hook, str]:
    """Pairs of a hook's name and its command, as a mapping.

    Raises:
        RefusedError: there is no such hook, or one is given twice.
    """
    commands: dict[Hook, str] = {}
    for name, command in named:
        hook = hook_named(name)
        if hook in commands:
            raise RefusedError(f"Hook {hook} is given twice.", "Give each hook once.")
        commands[hook] = command
    return commands
