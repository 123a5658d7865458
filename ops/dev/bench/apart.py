"""Gives the source cores and a disk of its own, as if all else ran on other machines.

On one machine the target, the workers and Redis take time of the cores that the source's writers
need, and each commit on the source waits for what the target writes to the same disk. In production
they don't.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from ops.dev.sandbox.mysqld import MySQLServer
from ops.dev.sandbox.process import Identity

_MEMORY = Path("/dev/shm")
_CORES = sorted(os.sched_getaffinity(0))  # before anything is pinned


@contextmanager
def in_memory(server: MySQLServer) -> Iterator[None]:
    """Have a server, which is started again for that, keep its data in memory instead of on disk.

    Raises:
        SystemExit: no file system is in memory.
    """
    if not _MEMORY.is_dir():
        raise SystemExit(f"it needs {_MEMORY}")
    with tempfile.TemporaryDirectory(prefix="tranship-bench-", dir=_MEMORY) as directory:
        server.stop()
        there = shutil.move(server.datadir, directory)
        server.datadir.symlink_to(there)
        server.start()
        try:
            yield
        finally:
            server.stop()


def keep_apart(source: Identity) -> None:
    """Leave one half of the cores to the source and to what is started later: its writers.

    Everything that runs already gets the other half.

    Raises:
        SystemExit: there is one core only.
    """
    writers, others = _halves()
    for process in psutil.Process().children(recursive=True):
        _pin(process, writers if process.pid == source.pid else others)
    _pin(psutil.Process(), writers)


def send_away(process: Identity) -> None:
    """Move a process that was started since to where the others are."""
    _pin(psutil.Process(process.pid), _halves()[1])


def _halves() -> tuple[Sequence[int], Sequence[int]]:
    if len(_CORES) < 2:
        raise SystemExit("it needs two cores")
    return _CORES[: len(_CORES) // 2], _CORES[len(_CORES) // 2 :]


def _pin(process: psutil.Process, cores: Sequence[int]) -> None:
    for thread in process.threads():
        with suppress(ProcessLookupError):  # it has ended since
            os.sched_setaffinity(thread.id, cores)
