"""What every command shares: the pools, the operator's name, and a push for the coordinator."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass, field

import click

from pipeline.configuration.load import load_settings
from pipeline.coordinate.listing import find_target
from pipeline.errors import TranshipError
from pipeline.mysql.pools import Pools

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


def _push(target: str, migration_id: str) -> str | None:
    """Have a coordinator look at once; why that wasn't possible, or None."""
    # Imported only now: it reads the configuration, and makes the application current.
    from tasks.messages import send_advance
    from workers.app import app

    app.conf.broker_transport_options = {
        **app.conf.broker_transport_options,
        "socket_connect_timeout": _BROKER_S,
        "socket_timeout": _BROKER_S,
    }
    try:
        send_advance(target, migration_id)
    except TranshipError as error:
        return error.explanation
    except Exception as error:  # whatever the broker's client raises: none of it may matter
        return f"The broker does not answer: {type(error).__name__}."
    return None


def push(target: str, migration_id: str) -> None:
    """Have a coordinator look at once; one line to stderr where that was not possible.

    Never fails: what was asked for is recorded by now, and the next tick finds it.
    """
    trouble = _push(target, migration_id)
    if trouble is not None:
        click.echo(
            f"tranship: recorded, but not started on at once: {trouble} It goes on by itself"
            " once the broker and the workers are there.",
            err=True,
        )
