"""Lag and changed rows over time, sampled while the dashboard runs; kept in memory alone."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from ops.notify import ask_workers
from pipeline.domain.processes import Processes
from pipeline.domain.stages import ENDED
from pipeline.errors import TranshipError
from pipeline.mysql.pools import Pools
from pipeline.status.listing import list_migrations
from pipeline.status.progress import Progress, read_progress

_EVERY_S = 2.0
_SAMPLES = 3600  # two hours
_MIGRATIONS = 50


@dataclass(frozen=True)
class Sample:
    """One moment of a migration, by this machine's clock."""

    at: float
    lag_s: float | None
    rows_changed: int
    rows_per_s: float


class History:
    """Samples of every migration that is under way, the newest migrations only."""

    def __init__(self, pools: Pools) -> None:
        self.processes: Processes | None = None
        self._pools = pools
        self._samples: dict[str, deque[Sample]] = {}

    def of(self, migration_id: str) -> list[Sample]:
        return list(self._samples.get(migration_id, ()))

    def start(self) -> None:
        """Sample in a thread of its own, until the process ends."""
        threading.Thread(target=self._sample_for_ever, daemon=True).start()

    def _sample_for_ever(self) -> None:
        while True:
            self.processes = ask_workers(self._pools.settings)
            self._sample_all()
            time.sleep(_EVERY_S)

    def _sample_all(self) -> None:
        for one in list_migrations(self._pools)[0]:
            if one.stage in ENDED:
                continue
            try:
                self.add(read_progress(self._pools, one.target, one.id))
            except TranshipError:
                continue  # the page says so

    def add(self, progress: Progress) -> None:
        """Keep one sample."""
        while len(self._samples) >= _MIGRATIONS and progress.id not in self._samples:
            del self._samples[next(iter(self._samples))]
        kept = self._samples.setdefault(progress.id, deque(maxlen=_SAMPLES))
        changed = sum(table.keys_touched for table in progress.tables)
        lag_s = progress.stream.lag_s if progress.stream is not None else None
        kept.append(Sample(time.time(), lag_s, changed, progress.rows_per_s))
