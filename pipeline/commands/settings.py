"""What a person may change of a migration that is under way: limits, and terms of its cut-over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from pipeline.control.events import log_event
from pipeline.control.migrations import ENDED, read_migration, update_migration
from pipeline.control.throttles import set_override
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import Migration, MigrationKind
from pipeline.domain.window import Window
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools
from pipeline.throttle.limits import SETTABLE, check_limit


@dataclass(frozen=True)
class Term:
    """An option of the start that may be given anew; `parse` refuses what is none."""

    about: str
    parse: Callable[[str], object]


def _window(text: str) -> str:
    Window.parse(text)
    return text


def _seconds(text: str) -> float:
    value = number(text)
    if value < 1:
        raise RefusedError(f"'{text}' s is too short.", "Give 1 or more.")
    return value


TERMS = {
    "cut_over_window": Term('when it may cut over: "02:00-04:00 Europe/Berlin"', _window),
    "lock_timeout_s": Term("of an alter: how long its lock may take, and be held", _seconds),
}


def settable() -> dict[str, str]:
    """Every name that `change` knows, and what it is."""
    limits = {name: limit.about for name, limit in SETTABLE.items()}
    return {**limits, **{name: term.about for name, term in TERMS.items()}}


def change(
    pools: Pools, target: str, migration_id: str, name: str, text: str | None, who: str
) -> None:
    """Set `name` for this migration alone, effective within a second; None: as it was configured.

    Raises:
        RefusedError: the migration has ended, there is no such name, or it can't be that.
    """
    with pools.begin(target) as control:
        migration = read_migration(control, migration_id)
    if migration.stage in ENDED:
        raise RefusedError(
            f"Migration {migration_id} is {migration.stage}; nothing can be set.",
            "See: tranship list",
        )
    if name in TERMS:
        _change_term(pools, migration, name, text)
    else:
        value = number(text) if text is not None else None
        check_limit(name, value)
        with pools.begin(target) as control:
            set_override(control, migration_id, name, value)
    with pools.begin(target) as control:
        shown = "as configured" if text is None else text
        log_event(control, migration_id, EventKind.CONTROL, f"{name}: {shown}", who)


def _change_term(pools: Pools, migration: Migration, name: str, text: str | None) -> None:
    if name == "lock_timeout_s" and migration.kind is not MigrationKind.ALTER:
        raise RefusedError("lock_timeout_s is of an alter.", "See [cut_over] lock_wait_s.")
    value = TERMS[name].parse(text) if text is not None else None
    changed = {name: value}
    options = replace(migration.options, **changed)  # type: ignore[arg-type]
    with pools.begin(migration.target) as control:
        update_migration(control, migration.id, options=asdict(options))


def number(text: str) -> float:
    """
    Raises:
        RefusedError: it is none.
    """
    try:
        return float(text)
    except ValueError:
        raise RefusedError(f"'{text}' is not a number.", "Give a number.") from None
