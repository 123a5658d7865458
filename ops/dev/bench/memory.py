"""Peak memory of the workers' processes, as the kernel has counted it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psutil

from ops.dev.bench.stand import Stand

_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


def peaks(stand: Stand) -> dict[str, float]:
    """MiB of the largest process of each worker, at its peak."""
    return {
        name: max(_peak(process) for process in _family(identity.pid))
        for name, identity in stand.stack.workers.items()
    }


def _family(pid: int) -> Iterator[int]:
    parent = psutil.Process(pid)
    for process in (parent, *parent.children(recursive=True)):
        yield process.pid


def _peak(pid: int) -> float:
    found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) / 1024 if found else 0.0
