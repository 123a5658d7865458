"""A statement that may have to wait for the locks of others, and is watched while it waits."""

from __future__ import annotations

import threading
from typing import Any

from pipeline.mysql.failures import driver_errors
from pipeline.mysql.pools import run_raw


class Waiting:
    """A statement that may have to wait for a lock, sent at once by a thread of its own.

    `ended` and `result` say how it goes.
    """

    def __init__(self, raw: Any, statement: str, server: str) -> None:
        self._server = server
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(raw, statement), daemon=True)
        self._thread.start()

    def ended(self, within_s: float = 0.0) -> bool:
        """Whether it has ended, successfully or not; waits for at most `within_s`."""
        self._thread.join(timeout=within_s)
        return not self._thread.is_alive()

    def result(self) -> None:
        """
        Raises:
            TranshipError: it has failed.
        """
        with driver_errors(self._server):
            if self._error is not None:
                raise self._error

    def _run(self, raw: Any, statement: str) -> None:
        try:
            run_raw(raw, statement)
        except BaseException as error:  # raised where somebody asks for it
            self._error = error
