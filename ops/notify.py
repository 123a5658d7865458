"""Tells the workers that there is something to do, and asks them who is there.

Otherwise they find out what there is to do by themselves.
"""

from __future__ import annotations

import threading
from contextlib import suppress

from pipeline.configuration.settings import Settings
from pipeline.domain.processes import Processes
from pipeline.errors import TranshipError

_BROKER_S = 3


def get_ready() -> None:
    """Import what `tell_workers` takes, while the caller waits for servers.

    It is a quarter of a second, in which nobody would know of the migration that was just recorded.
    """
    threading.Thread(target=_load, name="imports").start()


def _load() -> None:
    with suppress(Exception):  # `tell_workers` meets it again, and says so
        import workers.app  # noqa: F401


def tell_workers(target: str, migration: str) -> str | None:
    """Tell a coordinator to act at once; returns why that failed, or None."""
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


def ask_workers(settings: Settings) -> Processes:
    """Whether the broker answers, and which workers do; this takes about a second."""
    # As above.
    from workers.app import app
    from workers.roll_call import call_roll

    return call_roll(app, settings)
