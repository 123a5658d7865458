"""Runs the streamers of one worker process, each in a thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from pipeline.mysql.pools import Pools
from pipeline.stream.streamer import Streamer

_DRAIN_S = 20.0


@dataclass
class StreamHost:
    """Starts a streamer when asked for one, and drains all of them at the end."""

    pools: Pools
    owner: str
    _running: dict[tuple[str, str], threading.Thread] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def serve(self, target: str, migration_id: str) -> bool:
        """Stream the migration, unless this process does already; returns whether it began now."""
        key = (target, migration_id)
        thread = self._running.get(key)
        if self._stopping.is_set() or (thread is not None and thread.is_alive()):
            return False
        streamer = Streamer(self.pools, target, migration_id, self.owner, self._stopping)
        thread = threading.Thread(target=streamer.run, name=f"stream-{migration_id}", daemon=True)
        self._running[key] = thread
        thread.start()
        return True

    def stop(self) -> None:
        """Have the streamers commit what is complete and give their leases back; wait for that."""
        self._stopping.set()
        for thread in self._running.values():
            thread.join(timeout=_DRAIN_S)
