"""Gives the source cores of its own, as if all else ran on other machines.

On one machine the target, the workers and Redis take time of the cores that the source's writers
need. In production they don't.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress

import psutil

from ops.dev.sandbox.process import Identity


def keep_apart(source: Identity) -> None:
    """Leave one half of the cores to the source and to what is started later: its writers.

    Everything that runs already gets the other half.

    Raises:
        SystemExit: there is one core only.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("it needs two cores")
    writers, others = cores[: len(cores) // 2], cores[len(cores) // 2 :]
    for process in psutil.Process().children(recursive=True):
        _pin(process, writers if process.pid == source.pid else others)
    _pin(psutil.Process(), writers)


def _pin(process: psutil.Process, cores: Sequence[int]) -> None:
    for thread in process.threads():
        with suppress(ProcessLookupError):  # it has ended since
            os.sched_setaffinity(thread.id, cores)
