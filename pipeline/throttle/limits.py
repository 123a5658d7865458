"""What can be set for one migration while it runs, and the configuration that results.

These are numbers, in a row that the coordinator reads at each pass and every worker at each task.
So a change takes effect with the next chunk, on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.configuration.settings import Copy, Throttle
from pipeline.control.throttles import ThrottleState
from pipeline.errors import RefusedError


@dataclass(frozen=True)
class Limit:
    """A setting of the configuration that can be different for one migration."""

    about: str
    integer: bool = False
    zero: bool = False  # whether 0 has a meaning


OF_THROTTLE = {
    "max_lag_s": Limit("seconds that a replica may be late"),
    "max_history_list": Limit("InnoDB's history list length"),
    "yield_lag_s": Limit("seconds that the stream may be behind at full speed"),
    "max_apply_lag_s": Limit("seconds that the stream may be behind"),
    "nice_ratio": Limit("pause after each chunk, as a multiple of its time", zero=True),
    "busy_nice_ratio": Limit(
        "pause as a multiple of the time the source took, while others use it", zero=True
    ),
}
OF_COPY = {
    "window": Limit("chunks in flight at most, for each table", integer=True),
    "chunk_s": Limit("seconds that a chunk should take"),
    "chunk_rows_max": Limit("rows of a chunk at most", integer=True),
}
# With a status variable after the dot: max_load.Threads_running.
OF_LOAD = {
    "max_load": Limit("value of a status variable that throttles"),
    "critical_load": Limit("value of a status variable that stops the migration"),
}
SETTABLE = {
    **OF_THROTTLE,
    **OF_COPY,
    **{f"{name}.VARIABLE": limit for name, limit in OF_LOAD.items()},
}


def status_variable_in(name: str) -> str | None:
    """The status variable that a limit like `max_load.Threads_running` is about."""
    before, _, variable = name.partition(".")
    return variable if before in OF_LOAD and variable else None


def check_limit(name: str, value: float | None) -> None:
    """Refuse a limit that can't be set; `value` None takes back what was set.

    Raises:
        RefusedError: there is no such limit, or it can't have that value.
    """
    of_load = OF_LOAD.get(name.partition(".")[0]) if status_variable_in(name) else None
    limit = of_load or {**OF_THROTTLE, **OF_COPY}.get(name)
    if limit is None:
        raise RefusedError(f"There is no limit {name}.", f"There are: {', '.join(SETTABLE)}.")
    if value is None:
        return
    if not math.isfinite(value) or value < 0 or (value == 0 and not limit.zero):
        raise RefusedError(f"{name} can't be {value:g}.", "Give a number above 0.")
    if limit.integer and value != int(value):
        raise RefusedError(f"{name} can't be {value:g}.", "Give a whole number.")


def throttle_of(configured: Throttle, state: ThrottleState) -> Throttle:
    """The section [throttle] as it applies to this migration."""
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
    """The section [row_copy] as it applies to this migration."""
    own: dict[str, float] = {
        name: int(value) if OF_COPY[name].integer else value
        for name, value in state.overrides.items()
        if name in OF_COPY
    }
    return configured.model_copy(update=own)
