"""How long an application can't write: seen by a connection that tries all the time.

A move refuses writes from the first error to the stage `switching`, in which the application is
told to go on. An alter lets a write wait; the longest wait is what counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pymysql

from ops.dev.bench.stand import STAGE, Deadline, Stand
from pipeline.domain.stages import Stage

_PAUSE_S = 0.001
_TOLD = (Stage.SWITCHING, Stage.DONE)
_NO_SUCH_TABLE = 1146


@dataclass
class Prober:
    """Writes one row again and again. Row 1 stays as it is, so nothing is logged for it."""

    stand: Stand
    table: str
    refused_at: float | None = None  # the first refused write
    longest_s: float = 0.0  # of the writes that were not refused
    _stopping: threading.Event = field(default_factory=threading.Event)
    _trouble: Exception | None = None

    def run(self) -> None:
        try:
            with self.stand.connect(self.stand.source) as connection:
                while not self._stopping.is_set():
                    self._write(connection)
                    time.sleep(_PAUSE_S)
        except pymysql.err.ProgrammingError as error:
            if error.args[0] != _NO_SUCH_TABLE:
                self._trouble = error
            self.refused_at = time.monotonic()
        except Exception as error:  # shown by `stop`
            self._trouble = error

    def _write(self, connection: pymysql.Connection[Any]) -> None:
        began = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE {self.table} SET k = k WHERE id = 1")
        connection.commit()
        self.longest_s = max(self.longest_s, time.monotonic() - began)

    def stop(self) -> None:
        """
        Raises:
            SystemExit: it could not write, and not because of the move.
        """
        self._stopping.set()
        if self._trouble is not None:
            raise SystemExit(f"the prober: {self._trouble}")


@contextmanager
def probing(stand: Stand, table: str) -> Iterator[Prober]:
    prober = Prober(stand, table)
    thread = threading.Thread(target=prober.run, daemon=True)
    thread.start()
    try:
        yield prober
    finally:
        prober.stop()
        thread.join()


def refused_s(stand: Stand, migration_id: str, prober: Prober) -> float:
    """Wait for the cut-over of a move; from the first refused write until it could go on.

    Raises:
        SystemExit: it does not cut over.
    """
    told_at = _wait_told(stand, migration_id)
    deadline = Deadline("the prober is not refused", 5)
    while prober.refused_at is None:
        deadline.pause()
    return max(0.0, told_at - prober.refused_at)


def waited_s(stand: Stand, migration_id: str, prober: Prober) -> float:
    """Wait for the swap of an alter; the longest that a write had to wait for it."""
    stand.wait_stage(migration_id, Stage.DONE)
    return prober.longest_s


def _wait_told(stand: Stand, migration_id: str) -> float:
    deadline = Deadline(f"{migration_id} does not cut over")
    with stand.asking(STAGE.format(id=migration_id)) as ask:
        while (stage := ask()[0]) not in _TOLD:
            if stage == Stage.FAILED:
                stand.refuse_failed(migration_id)
            deadline.pause(0.003)
        return time.monotonic()
