"""What every command shares: the pools, the operator's name, and a push for the coordinator."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import click

from pipeline.configuration.load import load_settings
from pipeline.control.migrations import read_migration
from pipeline.coordinate.advance import advance
from pipeline.coordinate.context import Messenger
from pipeline.coordinate.progress import find_target
from pipeline.errors import RetryableError, TranshipError
from pipeline.mysql.pools import Pools

_BUDGET_S = 1.0
_BROKER_S = 3


@dataclass
class Session:
    """One invocation of the command. Nothing is opened before it is needed."""

    debug: bool = False
    _pools: list[Pools] = field(default_factory=list)

    @property
    def pools(self) -> Pools:
        if not self._pools:
            self._pools.append(Pools(load_settings()))
        return self._pools[0]

    def find(self, given: str) -> tuple[str, str]:
        """(target server, whole id) of the migration whose id begins with `given`."""
        return find_target(self.pools, given)

    def close(self) -> None:
        for pools in self._pools:
            pools.close()


pass_session = click.make_pass_decorator(Session)


def who() -> str:
    """Who asks, for the event log."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def push(pools: Pools, target: str, migration_id: str) -> str | None:
    """Have the coordinator look at once; why that wasn't possible, or None.

    Never fails: what was asked for is recorded by now, and the next tick finds it.
    """
    try:
        messenger = _messenger()
        if _has_hooks(pools, target, migration_id):
            # Hooks belong to the coordinator's machine and user, not to the operator's.
            messenger.ask(target, migration_id)
        else:
            advance(pools, target, migration_id, messenger, f"{who()}:{os.getpid()}", _BUDGET_S)
    except TranshipError as error:
        return str(error)
    return messenger.trouble


def _has_hooks(pools: Pools, target: str, migration_id: str) -> bool:
    with pools.begin(target) as control:
        migration = read_migration(control, migration_id)
    return migration is not None and bool(migration.options.hooks)


def _messenger() -> Watched:
    # Imported only now: it reads the configuration, and makes the application current.
    from tasks.messages import CeleryMessenger, send_advance
    from workers.app import app

    app.conf.broker_transport_options = {
        **app.conf.broker_transport_options,
        "socket_connect_timeout": _BROKER_S,
        "socket_timeout": _BROKER_S,
    }
    return Watched(CeleryMessenger(), send_advance)


class Watched:
    """A messenger that remembers that the broker was away, since `advance` only logs it."""

    def __init__(self, inner: Messenger, send_advance: Callable[[str, str], None]) -> None:
        self._inner = inner
        self._send_advance = send_advance
        self.trouble: str | None = None

    def copy_chunk(self, target: str, migration_id: str, moved_id: int, no: int) -> None:
        self._try(self._inner.copy_chunk, target, migration_id, moved_id, no)

    def verify_range(self, target: str, migration_id: str, moved_id: int, no: int) -> None:
        self._try(self._inner.verify_range, target, migration_id, moved_id, no)

    def serve_stream(self, target: str, migration_id: str) -> None:
        self._try(self._inner.serve_stream, target, migration_id)

    def ask(self, target: str, migration_id: str) -> None:
        """Have a coordinator worker advance the migration."""
        self._try(self._send_advance, target, migration_id)

    def _try(self, send: Callable[..., None], *arguments: Any) -> None:
        try:
            send(*arguments)
        except RetryableError as error:
            self.trouble = error.explanation
            raise
        except Exception as error:  # whatever the broker's client raises: none of it may matter
            self.trouble = f"The broker does not answer: {type(error).__name__}."
            raise RetryableError(self.trouble) from error


def push_and_say(session: Session, target: str, migration_id: str) -> None:
    """`push`, and one line to stderr where it was not possible."""
    trouble = push(session.pools, target, migration_id)
    if trouble is not None:
        click.echo(
            f"tranship: recorded, but not started on at once: {trouble} It goes on by itself"
            " once the broker and the workers are there.",
            err=True,
        )
