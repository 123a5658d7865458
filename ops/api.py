"""Tranship from Python: everything that the command line can do, in one class.

    from tranship import Tranship

    with Tranship("tranship.toml") as tranship:
        tables = ["shop.orders", "shop.lines"]
        migration = tranship.move("orders-old", "orders-new", tables, postpone_cut_over=True)
        tranship.wait(migration, until=lambda now: now.stage is Stage.READY)
        tranship.cut_over(migration)
        tranship.wait(migration)

Ids may be shortened to a beginning that is theirs alone. What is refused raises RefusedError, a
server that does not answer RetryableError (pipeline.errors); nothing has been written then. The
workers do the work: a call only writes down what is wanted, and tells them so.
"""

from __future__ import annotations

import getpass
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ops.starting import Asked, asked_of_alter, asked_of_move, request_of_move
from pipeline.commands import control, schedules
from pipeline.commands import settings as tuning
from pipeline.commands.instant import alter_at_once
from pipeline.commands.start import Plan, examine, plan_move, start_move
from pipeline.configuration.load import PATH_VARIABLE, load_settings
from pipeline.control.events import LoggedEvent, read_events
from pipeline.control.migrations import ENDED
from pipeline.control.schedules import Schedule
from pipeline.domain.stages import Stage
from pipeline.errors import TranshipError
from pipeline.mysql.pools import Pools
from pipeline.preflight.findings import Finding
from pipeline.status.listing import Listed, find_target, list_migrations
from pipeline.status.progress import Progress, read_progress

log = logging.getLogger(__name__)
_BROKER_S = 3
_POLL_S = 0.5
_PAGE = 500


def has_ended(now: Progress) -> bool:
    """Whether nothing happens any more by itself."""
    return now.stage in (*ENDED, Stage.FAILED)


class Tranship:
    """One configuration. Connections are opened when they are needed, and closed by `close`."""

    def __init__(
        self,
        config: str | Path | None = None,
        *,
        who: str | None = None,
        on_trouble: Callable[[str], None] | None = None,
    ) -> None:
        """
        Args:
            config: the configuration file; otherwise $TRANSHIP_CONFIG, or ./tranship.toml.
            who: whom the event log names; otherwise user@host.
            on_trouble: told when the workers could not be told, which find out by themselves;
                otherwise it is logged.
        """
        if config is not None:
            # By the environment: the workers' modules and the hooks read it there.
            os.environ[PATH_VARIABLE] = str(Path(config).absolute())
        self.pools = Pools(load_settings())
        self.who = who or _user()
        self._on_trouble = on_trouble or log.warning

    def __enter__(self) -> Tranship:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self.pools.close()

    # --- starting ---------------------------------------------------------------------

    def move(self, source: str, target: str, tables: Iterable[str], **options: Any) -> str:
        """Start moving tables (`schema.table`); the migration's id.

        The options are those of `asked_of_move`: target_schema, with_triggers, json_as_text,
        postpone_cut_over, window, hooks (`name=command`), chunk_rows.
        """
        return self.start(asked_of_move(self.pools.settings, source, target, tables, **options))

    def alter(self, server: str, table: str, change: str, **options: Any) -> str:
        """Start rebuilding a table; `change` is what follows its name in ALTER TABLE; the id.

        The options are those of `asked_of_alter`: those of a move, and renames (`old=new`),
        accepted (columns), lock_timeout and force_after (seconds).
        """
        return self.start(asked_of_alter(self.pools.settings, server, table, change, **options))

    def at_once(self, asked: Asked) -> str | None:
        """Have the server make an alter's change itself, if that is a matter of a moment.

        The algorithm that it used; None: it can't, and nothing was changed.
        """
        return alter_at_once(self.pools, asked.request, asked.options.lock_timeout_s)

    def plan(self, asked: Asked) -> Plan:
        """What `start` would do, and what speaks against it. Writes nothing."""
        return plan_move(self.pools, asked.request, asked.options)

    def start(self, asked: Asked) -> str:
        """Start what was asked for; its id."""
        started = start_move(self.pools, asked.request, asked.options, asked.postponed, self.who)
        self._push(asked.request.target, started)
        return started

    def doctor(
        self, source: str, target: str, tables: Iterable[str], **options: Any
    ) -> list[Finding]:
        """What speaks against a move. Writes nothing."""
        return examine(
            self.pools, request_of_move(self.pools.settings, source, target, tables, **options)
        )

    # --- looking ----------------------------------------------------------------------

    def find(self, migration: str) -> tuple[str, str]:
        """(target server, whole id) of the only migration whose id begins so."""
        return find_target(self.pools, migration)

    def status(self, migration: str) -> Progress:
        """Where it is, what is next and what that waits for; `as_json()` for scripts."""
        return read_progress(self.pools, *self.find(migration))

    def migrations(self) -> tuple[list[Listed], dict[str, str]]:
        """Every migration on every server; and why servers could not be asked."""
        return list_migrations(self.pools)

    def events(self, migration: str) -> Iterator[LoggedEvent]:
        """What happened, oldest first."""
        target, whole = self.find(migration)
        after = 0
        while True:
            with self.pools.begin(target) as connection:
                page = read_events(connection, whole, after=after, limit=_PAGE)
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].id

    def wait(
        self,
        migration: str,
        until: Callable[[Progress], bool] = has_ended,
        limit_s: float | None = None,
    ) -> Progress:
        """Look twice a second until `until` is true: without it, until the migration ends.

        Raises:
            TimeoutError: not within `limit_s`.
        """
        began = time.monotonic()
        while True:
            progress = self.status(migration)
            if until(progress):
                return progress
            if limit_s is not None and time.monotonic() - began > limit_s:
                raise TimeoutError(f"{progress.id} is {progress.stage}: next: {progress.next}")
            time.sleep(_POLL_S)

    # --- control while it runs --------------------------------------------------------

    def throttle(self, migration: str) -> str:
        """Hold copy and verification back until `unthrottle`. Its whole id, as all of these."""
        return self._do(control.throttle, migration, push=False)

    def unthrottle(self, migration: str) -> str:
        """Take back what `throttle` asked for."""
        return self._do(control.unthrottle, migration)

    def set(self, migration: str, name: str, value: str | float | None) -> str:
        """Set one of `tuning.settable()` for this migration alone; None takes it back."""
        target, whole = self.find(migration)
        text = None if value is None else f"{value}"
        tuning.change(self.pools, target, whole, name, text, self.who)
        return whole

    def postpone(self, migration: str) -> str:
        """Hold the cut-over back until `cut_over`."""
        return self._do(control.postpone, migration, push=False)

    def cut_over(self, migration: str) -> str:
        """Let the cut-over happen as soon as the checksums have converged."""
        return self._do(control.cut_over, migration)

    def abort(self, migration: str) -> str:
        """End it; before the switch the source gets its tables back."""
        return self._do(control.abort, migration)

    def resume(self, migration: str, *, json_as_text: bool = False) -> str:
        """Go on after a failure whose cause is gone."""
        return self._do(control.resume, migration, json_as_text=json_as_text)

    def clean_up(self, migration: str, gently: Callable[[int], None] | None = None) -> list[str]:
        """Drop what an ended migration left; what was dropped, in words.

        With `gently` rows go in batches first; it is called with how many have gone.
        """
        target, whole = self.find(migration)
        return control.clean_up(self.pools, target, whole, self.who, gently)

    # --- schedules --------------------------------------------------------------------

    def add_schedule(self, cron: str, zone: str, asked: Asked) -> Schedule:
        """Keep what was asked for, to be started by beat at its times."""
        return schedules.add_schedule(
            self.pools, cron, zone, asked.request, asked.options, asked.postponed, self.who
        )

    def schedules(self) -> tuple[list[Schedule], dict[str, str]]:
        """Those of every server; and why servers could not be asked."""
        return schedules.all_schedules(self.pools)

    def pause_schedule(self, schedule: str, *, paused: bool = True) -> Schedule:
        """Start nothing until it is called with `paused=False`."""
        found = schedules.find_schedule(self.pools, schedule)
        schedules.pause(self.pools, found, paused=paused)
        return found

    def remove_schedule(self, schedule: str) -> Schedule:
        """Forget it; a migration that it has started goes on."""
        found = schedules.find_schedule(self.pools, schedule)
        schedules.remove(self.pools, found)
        return found

    def run_now(self, schedule: str) -> str:
        """Start it now; the migration's id."""
        found = schedules.find_schedule(self.pools, schedule)
        started = schedules.run_now(self.pools, found, self.who)
        self._push(found.target, started)
        return started

    # --- how --------------------------------------------------------------------------

    def _do(
        self, what: Callable[..., None], migration: str, *, push: bool = True, **options: Any
    ) -> str:
        target, whole = self.find(migration)
        what(self.pools, target, whole, self.who, **options)
        if push:
            self._push(target, whole)
        return whole

    def _push(self, target: str, migration: str) -> None:
        """Have a coordinator look at once. Never fails: what is wanted is recorded by now."""
        trouble = _told_workers(target, migration)
        if trouble is not None:
            self._on_trouble(
                f"recorded, but not started on at once: {trouble} It goes on by itself once the"
                " broker and the workers are there."
            )


def _told_workers(target: str, migration: str) -> str | None:
    """Why a coordinator could not be told to look at once; None if it was."""
    # Imported only now: it reads the configuration, and makes the application current.
    from tasks.messages import send_advance
    from workers.app import app

    app.conf.broker_transport_options = {
        **app.conf.broker_transport_options,
        "socket_connect_timeout": _BROKER_S,
        "socket_timeout": _BROKER_S,
    }
    try:
        send_advance(target, migration)
    except TranshipError as error:
        return error.explanation
    except Exception as error:  # whatever the broker's client raises: none of it may matter
        return f"The broker does not answer: {type(error).__name__}."
    return None


def _user() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
