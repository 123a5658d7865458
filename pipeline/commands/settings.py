"""What people can change while a migration runs: limits, and terms of its cut-over.

What takes time is checked first. Then one transaction, in which the migration stays as it is, asks
whether the change still has an effect, and makes it: what others have changed meanwhile stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from pipeline.control.events import log_event
from pipeline.control.migrations import change_request, lock_migration, read_migration
from pipeline.control.throttles import set_override
from pipeline.domain.duration import seconds_of
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import Migration
from pipeline.domain.request import AlterRequest, Request
from pipeline.domain.stages import ENDED, MAY_BE_RETIRED, Stage
from pipeline.domain.window import Window
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools
from pipeline.mysql.servers import status_variable
from pipeline.preflight.findings import Scope, refuse
from pipeline.preflight.registry import run_preflight
from pipeline.throttle.limits import SETTABLE, check_limit, status_variable_in


@dataclass(frozen=True)
class Term:
    """A part of the request that can be changed, or taken back with None.

    `given` makes the new request.

    Raises:
        RefusedError: the request has no such part, or it can't have that value.
    """

    about: str
    given: Callable[[Request, str | None], Request]
    too_late: Callable[[Migration], bool]  # it would have no effect any more
    checked: bool = False  # preflight may refuse the new request


def _with_window(request: Request, text: str | None) -> Request:
    window = None if text is None else Window.parse(text)
    return replace(request, cut_over_window=window)


def _with_lock(request: Request, text: str | None) -> Request:
    if not isinstance(request, AlterRequest):
        raise RefusedError("lock_timeout_s is only for alters.", "See [cut_over] lock_wait_s.")
    return replace(request, lock_timeout_s=None if text is None else number(text))


def _with_way_back(request: Request, text: str | None) -> Request:
    if request.back is None:
        return replace(request, way_back_s=None if text is None else seconds_of(text))
    if request.back.asked:
        raise RefusedError(
            "The roll-back was asked for: it no longer ends with its time.", "Nothing to set."
        )
    if text is None:
        raise RefusedError("A way back has an end.", "Give a duration, counted from now.")
    until = datetime.now(UTC) + timedelta(seconds=seconds_of(text))
    return replace(request, back=replace(request.back, until=until))


def _has_cut_over(migration: Migration) -> bool:
    return migration.stage is Stage.SWITCHING


def _way_back_is_settled(migration: Migration) -> bool:
    """What a way back needs is made before the cut-over; it is recorded with its end after that."""
    request = migration.request
    unwanted = request.back is None and request.way_back_s is None
    if unwanted and migration.stage in MAY_BE_RETIRED - {Stage.RESTORING}:
        return True
    return _has_cut_over(migration)


TERMS = {
    "way_back": Term(
        "how long it can be rolled back (2h, 1d); of a way back: how much longer",
        _with_way_back,
        _way_back_is_settled,
        checked=True,
    ),
    "cut_over_window": Term(
        'when it may cut over: "02:00-04:00 Europe/Berlin"', _with_window, _has_cut_over
    ),
    "lock_timeout_s": Term(
        "alter only: seconds to wait for its lock, and to hold it", _with_lock, _has_cut_over
    ),
}


def settable() -> dict[str, str]:
    """Every name that `change` knows, and what it means."""
    limits = {name: limit.about for name, limit in SETTABLE.items()}
    return {**limits, **{name: term.about for name, term in TERMS.items()}}


def change(
    pools: Pools, target: str, migration_id: str, name: str, text: str | None, who: str
) -> None:
    """Set `name` for this migration alone, effective within a second; None: as configured.

    Raises:
        RefusedError: it would have no effect any more, there is no such name, or no such value.
    """
    _refuse_unknown(name)
    check = _check_term if name in TERMS else _check_limit
    with pools.begin(target) as control:
        migration = read_migration(control, migration_id)
    _refuse_late(migration, name)
    check(pools, migration, name, text)
    with pools.begin(target) as control:
        change_in(control, migration_id, name, text, who)


def change_in(
    control: Connection, migration_id: str, name: str, text: str | None, who: str
) -> None:
    """The part of `change` that writes, together with what else is in its transaction.

    Raises:
        RefusedError: it would have no effect any more.
    """
    migration = lock_migration(control, migration_id)
    _refuse_late(migration, name)
    write = _write_term if name in TERMS else _write_limit
    write(control, migration, name, text)
    shown = "as configured" if text is None else text
    log_event(control, migration_id, EventKind.CONTROL, f"{name}: {shown}", who)


def _refuse_late(migration: Migration, name: str) -> None:
    aborting = migration.abort_asked or migration.after_restore is Stage.ABORTED
    if migration.stage in ENDED or aborting:
        now = migration.stage if migration.stage in ENDED else "being aborted"
        raise RefusedError(
            f"Migration {migration.id} is {now}; nothing can be set.", "See: tranship list"
        )
    if name in TERMS and TERMS[name].too_late(migration):
        raise RefusedError(
            f"Migration {migration.id} is {migration.stage}; it is too late to set {name}.",
            f"See: tranship status {migration.id}",
        )


def _check_term(pools: Pools, migration: Migration, name: str, text: str | None) -> None:
    request = TERMS[name].given(migration.request, text)
    if TERMS[name].checked:
        refuse(run_preflight(pools, request, Scope.RESUME))


def _write_term(control: Connection, migration: Migration, name: str, text: str | None) -> None:
    change_request(control, migration.id, TERMS[name].given(migration.request, text))


def _check_limit(pools: Pools, migration: Migration, name: str, text: str | None) -> None:
    value = number(text) if text is not None else None
    check_limit(name, value)
    if value is not None:
        _refuse_unknown_variable(pools, migration, name)


def _write_limit(control: Connection, migration: Migration, name: str, text: str | None) -> None:
    set_override(control, migration.id, name, number(text) if text is not None else None)


def _refuse_unknown(name: str) -> None:
    known = [one.removesuffix("VARIABLE") for one in settable()]
    if name not in known and not any(name.startswith(one) for one in known if one.endswith(".")):
        raise RefusedError(f"There is no setting {name}.", f"There are: {', '.join(settable())}.")


def _refuse_unknown_variable(pools: Pools, migration: Migration, name: str) -> None:
    """A variable that can't be read would hold the migration back for good."""
    variable = status_variable_in(name)
    if variable is None:
        return
    for server in dict.fromkeys((migration.source, migration.target)):
        with pools.begin(server) as connection:
            if status_variable(connection, variable) is None:
                raise RefusedError(
                    f"There is no status variable {variable} on {server}.",
                    "Those that there are: SHOW GLOBAL STATUS;",
                )


def number(text: str) -> float:
    """
    Raises:
        RefusedError: it is not a number.
    """
    try:
        return float(text)
    except ValueError:
        raise RefusedError(f"'{text}' is not a number.", "Give a number.") from None
