"""Keeps a claim alive for as long as the work on it goes on, however long that is.

Whoever waits for the work tells by the claim's age whether its worker is gone. So a claim that is
renewed never passes for one that was given up, and one that is not does soon.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from threading import Event, Thread

from pipeline.errors import FencedError, TranshipError

log = logging.getLogger(__name__)
_RENEWALS = 4  # within the time after which a claim counts as given up


@contextmanager
def renewed(renew: Callable[[], None], given_up_after_s: float) -> Iterator[None]:
    """While the work inside goes on, call `renew` in time, in a thread of its own.

    One call that fails is no harm: the next comes before the claim is too old.
    """
    ended = Event()

    def keep_renewing() -> None:
        while not ended.wait(given_up_after_s / _RENEWALS):
            try:
                renew()
            except TranshipError as error:
                log.warning("a claim is not renewed: %s", error)
                if isinstance(error, FencedError):
                    return  # and never will be again

    # With what the log says its lines are about.
    thread = Thread(target=copy_context().run, args=(keep_renewing,), name="renewal", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
