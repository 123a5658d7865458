"""What may be set for one migration while it runs, and what that makes of the configuration.

Numbers only, in the row that the coordinator reads at each pass and every worker at each task:
so a change is effective with the next chunk, on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.configuration.settings import Copy, Throttle
from pipeline.control.throttles import ThrottleState
from pipeline.errors import RefusedError


@dataclass(frozen=True)
class Limit:
    """A setting of the configuration that one migration may have otherwise."""

    about: str
    whole: bool = False
    zero: bool = False  # whether 0 has a meaning


OF_THROTTLE = {
    "max_lag_s": Limit("seconds that a replica may be late"),
    "max_history_list": Limit("InnoDB's history list length"),
    "max_apply_lag_s": Limit("seconds that the stream may be behind"),
    "nice_ratio": Limit("rest after each chunk, in times of what it took", zero=True),
}
OF_COPY = {
    "window": Limit("chunks in flight at most, for each table", whole=True),
    "chunk_s": Limit("seconds that a chunk is to take"),
    "chunk_rows_max": Limit("rows of a chunk at most", whole=True),
}
# With a status variable behind the dot: max_load.Threads_running.
OF_LOAD = {
    "max_load": Limit("a status variable from which on it is throttled"),
    "critical_load": Limit("a status variable from which on it stops"),
}
SETTABLE = {
    **OF_THROTTLE,
    **OF_COPY,
    **{f"{name}.VARIABLE": limit for name, limit in OF_LOAD.items()},
}


def check_limit(name: str, value: float | None) -> None:
    """Whether `name` may be set to `value`; None takes back what was set.

    Raises:
        RefusedError: it may not.
    """
    before, dot, variable = name.partition(".")
    limit = OF_LOAD.get(before) if dot and variable else {**OF_THROTTLE, **OF_COPY}.get(name)
    if limit is None:
        raise RefusedError(f"There is no limit {name}.", f"There are: {', '.join(SETTABLE)}.")
    if value is None:
        return
    if not math.isfinite(value) or value < 0 or (value == 0 and not limit.zero):
        raise RefusedError(f"{name} can't be {value:g}.", "Give a number above 0.")
    if limit.whole and value != int(value):
        raise RefusedError(f"{name} can't be {value:g}.", "Give a whole number.")


def throttle_of(configured: Throttle, state: ThrottleState) -> Throttle:
    """[throttle] as it is for this migration."""
    own: dict[str, object] = {
        name: value for name, value in state.overrides.items() if name in OF_THROTTLE
    }
    for load in OF_LOAD:
        variables = {
            name.removeprefix(f"{load}."): value
            for name, value in state.overrides.items()
            if name.startswith(f"{load}.")
        }
        own[load] = {**getattr(configured, load), **variables}
    return configured.model_copy(update=own)


def copy_of(configured: Copy, state: ThrottleState) -> Copy:
    """[row_copy] as it is for this migration."""
    own: dict[str, float] = {
        name: int(value) if OF_COPY[name].whole else value
        for name, value in state.overrides.items()
        if name in OF_COPY
    }
    return configured.model_copy(update=own)
