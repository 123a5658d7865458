"""Tranship from Python: everything that the command line can do, in one class.

    from tranship import Stage, Tranship

    with Tranship("tranship.toml") as tranship:
        tables = ["shop.orders", "shop.lines"]
        migration = tranship.move("orders-old", "orders-new", tables, postpone_cut_over=True)
        tranship.wait(migration, until=lambda now: now.stage is Stage.READY)
        tranship.cut_over(migration)
        tranship.wait(migration)

The arguments of `move` and `alter` can be kept as a MoveRequest or an AlterRequest, for `plan`,
`doctor`, `start`, `try_instant` and `add_schedule`. Ids can be shortened as long as they are
unambiguous. A refusal raises RefusedError, a server that does not answer RetryableError; then
nothing has been written. The workers do the work: a call only records what is wanted, and tells
them.
"""

from __future__ import annotations

import getpass
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from ops.notify import ask_workers, tell_workers
from pipeline.commands import control, schedules
from pipeline.commands import settings as tuning
from pipeline.commands.clean_up import Leftover, clean_up, leftovers
from pipeline.commands.instant import try_instant
from pipeline.commands.resume import Changes, resume
from pipeline.commands.start import Plan, examine, preview, start
from pipeline.commands.way_back import roll_back, standing_way_back
from pipeline.configuration.load import load_settings
from pipeline.configuration.path import PATH_VARIABLE
from pipeline.control.events import LoggedEvent, read_events
from pipeline.control.migrations import read_stage
from pipeline.control.schedules import Schedule
from pipeline.domain.hook_names import commands_by_hook, hook_named
from pipeline.domain.processes import Processes
from pipeline.domain.request import AlterRequest, MoveRequest, Request
from pipeline.domain.stages import ENDED, Stage
from pipeline.domain.window import Window
from pipeline.mysql.pools import Pools
from pipeline.mysql.table import TableName
from pipeline.preflight import setup
from pipeline.preflight.findings import Finding, Scope
from pipeline.preflight.registry import run_preflight
from pipeline.status.listing import Listed, find_target, list_migrations
from pipeline.status.progress import Progress, read_progress

log = logging.getLogger(__name__)
Command = Callable[[Pools, str, str, str], None]  # on the migration of a target, by somebody
_POLL_S = 0.5
_PAGE = 500


def has_ended(now: Progress) -> bool:
    """Whether nothing more happens by itself."""
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
            config: the configuration file; otherwise $TRANSHIP_CONFIG, ./tranship.toml or
                /etc/tranship/tranship.toml.
            who: the name in the event log; otherwise user@host.
            on_trouble: called if the workers could not be told at once, which then find out by
                themselves; otherwise that is logged.
        """
        if config is not None:
            # In the environment, where the workers' modules and the hooks read it.
            os.environ[PATH_VARIABLE] = str(Path(config).absolute())
        self.pools = Pools(load_settings())
        self.who = who or _user()
        self._on_trouble = on_trouble or log.warning

    def __enter__(self) -> Tranship:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.pools.close()

    # --- starting ---------------------------------------------------------------------

    def move(
        self, source: str, target: str, tables: Iterable[str], *,
        target_schema: str | None = None, defer_secondary_indexes: bool = False,
        with_triggers: bool = False, json_as_text: bool = False,
        postpone_cut_over: bool = False, cut_over_window: str | None = None,
        way_back_s: float | None = None,
        hooks: Mapping[str, str] = {}, chunk_rows: int | None = None,
    ) -> str:  # fmt: skip
        """Start moving tables; returns the migration's id.

        Args:
            source: a server of the configuration, like the target.
            tables: each as `schema.table`.
            target_schema: otherwise the source's.
            defer_secondary_indexes: add non-unique indexes after the rows.
            with_triggers: create the source's triggers on the target, at the cut-over.
            json_as_text: let DECIMAL, dates and binary inside JSON become what their text says.
            postpone_cut_over: cut over only after `cut_over`.
            cut_over_window: cut over only in these hours: "02:00-04:00 Europe/Berlin".
            way_back_s: for how long `roll_back` is possible after the switch.
            hooks: commands by hook, as in `{"on-success": "/opt/switch.sh"}`.
            chunk_rows: rows in a chunk at first.
        """
        return self.start(
            MoveRequest(
                source=source, target=target, tables=tuple(map(TableName.parse, tables)),
                target_schema=target_schema, defer_secondary_indexes=defer_secondary_indexes,
                with_triggers=with_triggers,
                json_as_text=json_as_text, postpone_cut_over=postpone_cut_over,
                cut_over_window=_window(cut_over_window), way_back_s=way_back_s,
                hooks=commands_by_hook(hooks.items()), chunk_rows=chunk_rows,
            )
        )  # fmt: skip

    def alter(
        self, server: str, table: str, change: str, *,
        renames: Mapping[str, str] = {}, accepted: Iterable[str] = (),
        with_triggers: bool = False, json_as_text: bool = False,
        lock_timeout_s: float | None = None, force_after_s: float | None = None,
        postpone_cut_over: bool = False, cut_over_window: str | None = None,
        way_back_s: float | None = None,
        hooks: Mapping[str, str] = {}, chunk_rows: int | None = None,
    ) -> str:  # fmt: skip
        """Start rebuilding a table; returns the migration's id. Other arguments are as in `move`.

        Args:
            change: what follows the table's name in ALTER TABLE.
            renames: old names to new ones, of the columns that the change renames.
            accepted: columns whose values are not checked for what the change may lose.
            lock_timeout_s: how long the cut-over may wait for its lock, and then hold it.
            force_after_s: kill what blocks the cut-over once it has been tried for that long.
        """
        return self.start(
            AlterRequest(
                server=server, table=TableName.parse(table), change=change, renames=dict(renames),
                accepted=tuple(accepted), with_triggers=with_triggers, json_as_text=json_as_text,
                lock_timeout_s=lock_timeout_s, force_after_s=force_after_s,
                postpone_cut_over=postpone_cut_over, cut_over_window=_window(cut_over_window),
                way_back_s=way_back_s,
                hooks=commands_by_hook(hooks.items()), chunk_rows=chunk_rows,
            )
        )  # fmt: skip

    def start(self, request: Request) -> str:
        """Start a move or an alter; returns its id."""
        started = start(self.pools, request, self.who)
        self._push(request.target, started)
        return started

    def try_instant(self, request: AlterRequest) -> str | None:
        """Have the server make the change itself, if that only takes a moment.

        Returns the algorithm that it used, or None if it can't; then nothing has changed.
        """
        return try_instant(self.pools, request)

    def plan(self, request: Request) -> Plan:
        """What `start` would do, and what preflight finds. Writes nothing that stays."""
        return preview(self.pools, request)

    def doctor(self, request: Request) -> list[Finding]:
        """What preflight finds about a move or an alter. Writes nothing."""
        return examine(self.pools, request)

    def check_setup(self) -> list[Finding]:
        """Whether every configured server, the broker and workers of each role answer."""
        return [*setup.check_servers(self.pools), *self.check_processes()]

    def check_processes(self) -> list[Finding]:
        """Whether the broker and workers of each role answer."""
        return setup.check_processes(self.processes())

    # --- reading ----------------------------------------------------------------------

    def processes(self) -> Processes:
        """The broker, and the workers that answer within a second."""
        return ask_workers(self.pools.settings)

    def find(self, migration: str) -> tuple[str, str]:
        """(target server, full id) of the only migration whose id begins like this."""
        return find_target(self.pools, migration)

    def stage(self, migration: str) -> Stage:
        """The stage that it is in; `status` reads much more."""
        target, full_id = self.find(migration)
        with self.pools.begin(target) as control:
            return read_stage(control, full_id)

    def status(self, migration: str, processes: Processes | None = None) -> Progress:
        """How far it is, what is next and what that waits for; `as_json()` for scripts.

        With `processes()` it also knows whether a process that seems to be missing answers.
        """
        return read_progress(self.pools, *self.find(migration), processes)

    def migrations(self) -> tuple[list[Listed], dict[str, str]]:
        """Every migration on every server; and why servers could not be asked."""
        return list_migrations(self.pools)

    def events(self, migration: str) -> Iterator[LoggedEvent]:
        """What happened, oldest first."""
        target, full_id = self.find(migration)
        yield from self._events(target, full_id)

    def _events(self, target: str, full_id: str) -> Iterator[LoggedEvent]:
        after = 0
        while True:
            with self.pools.begin(target) as connection:
                page = read_events(connection, full_id, after=after, limit=_PAGE)
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
        """Wait until `until` is true, or without it until the migration ends; asks twice a second.

        Raises:
            TimeoutError: that takes longer than `limit_s`.
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
        """Hold copy and verification back until `unthrottle`; like all these, returns the id."""
        return self._do(control.throttle, migration, push=False)

    def unthrottle(self, migration: str) -> str:
        """Take back what `throttle` asked for."""
        return self._do(control.unthrottle, migration)

    def set(self, migration: str, name: str, value: str | float | None) -> str:
        """Set a limit (`commands.settings.settable()`) for this migration; None takes it back."""
        target, full_id = self.find(migration)
        text = None if value is None else f"{value}"
        tuning.change(self.pools, target, full_id, name, text, self.who)
        return full_id

    def postpone(self, migration: str) -> str:
        """Hold the cut-over back until `cut_over`."""
        return self._do(control.postpone, migration, push=False)

    def cut_over(self, migration: str) -> str:
        """Let the cut-over happen as soon as the checksums have converged."""
        return self._do(control.cut_over, migration)

    def roll_back(
        self, migration: str, *, postpone: bool = False, cut_over_window: str | None = None
    ) -> str:
        """Give the old tables their names again, with all that was written since the switch.

        Returns the id of the migration that does so, which can be rolled back as well. With
        `postpone` it waits for `cut_over` with that id, beyond the time that was given.
        """
        found = roll_back(
            self.pools, *self.find(migration), self.who, cut_over_window, postponed=postpone
        )
        self._push(found.target, found.id)
        return found.id

    def doctor_of_roll_back(self, migration: str) -> tuple[str, list[Finding]]:
        """The id of the way back, and what preflight finds about a roll-back now."""
        found = standing_way_back(self.pools, *self.find(migration))
        return found.id, run_preflight(self.pools, found.request, Scope.CUT_OVER)

    def abort(self, migration: str) -> str:
        """End it; until the switch the source has its tables, or gets them back."""
        return self._do(control.abort, migration)

    def resume(
        self, migration: str, *, json_as_text: bool = False,
        hooks: Mapping[str, str] = {}, skip_hooks: Iterable[str] = (),
    ) -> str:  # fmt: skip
        """Go on after a failure whose cause is gone, or with hooks that are changed or skipped."""
        skip = tuple(hook_named(name) for name in skip_hooks)
        changes = Changes(json_as_text, commands_by_hook(hooks.items()), skip)
        return self._do(partial(resume, changes=changes), migration)

    def leftovers(self, migration: str) -> list[Leftover]:
        """The tables that `clean_up` would drop."""
        return leftovers(self.pools, *self.find(migration))

    def clean_up(self, migration: str, gently: Callable[[int], None] | None = None) -> list[str]:
        """Drop what an ended migration has left behind; returns what was dropped, in words.

        With `gently` rows are first deleted in batches; it is called with how many are deleted.
        """
        target, full_id = self.find(migration)
        return clean_up(self.pools, target, full_id, self.who, gently)

    # --- schedules --------------------------------------------------------------------

    def add_schedule(self, cron: str, zone: str, request: Request) -> Schedule:
        """Keep a move or an alter that beat starts at certain times."""
        return schedules.add_schedule(self.pools, cron, zone, request, self.who)

    def schedules(self) -> tuple[list[Schedule], dict[str, str]]:
        """The schedules of every server; and why servers could not be asked."""
        return schedules.all_schedules(self.pools)

    def schedule_events(self, schedule: str) -> tuple[Schedule, list[LoggedEvent]]:
        """A schedule, and which of its runs could not start, oldest first."""
        found = schedules.find_schedule(self.pools, schedule)
        return found, list(self._events(found.target, found.id))

    def pause_schedule(self, schedule: str, *, paused: bool = True) -> Schedule:
        """Start nothing until this is called with `paused=False`."""
        found = schedules.find_schedule(self.pools, schedule)
        schedules.pause(self.pools, found, paused=paused)
        return found

    def remove_schedule(self, schedule: str) -> Schedule:
        """Remove it; a migration that it has started goes on."""
        found = schedules.find_schedule(self.pools, schedule)
        schedules.remove(self.pools, found)
        return found

    def run_now(self, schedule: str) -> str:
        """Start it now; returns the migration's id."""
        found = schedules.find_schedule(self.pools, schedule)
        started = schedules.run_now(self.pools, found, self.who)
        self._push(found.target, started)
        return started

    # --- how --------------------------------------------------------------------------

    def _do(self, command: Command, migration: str, *, push: bool = True) -> str:
        target, full_id = self.find(migration)
        command(self.pools, target, full_id, self.who)
        if push:
            self._push(target, full_id)
        return full_id

    def _push(self, target: str, migration: str) -> None:
        """Have a coordinator act at once. This never fails: what is wanted is recorded already."""
        trouble = tell_workers(target, migration)
        if trouble is not None:
            self._on_trouble(
                f"recorded, but the workers could not be told: {trouble} It goes on by itself once"
                " the broker and the workers are running."
            )


def _window(text: str | None) -> Window | None:
    return None if text is None else Window.parse(text)


def _user() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
