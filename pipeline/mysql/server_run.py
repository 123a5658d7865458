"""Which start of which server a binary log is from, and whether that may have lost its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class ServerRun:
    """A server from one start to the next.

    `lax`: it was seen with settings by which it may lose what it has committed. They may be changed
    at any time, so what they are now says nothing of what they were before a crash.
    """

    server: str  # its identity
    started: int  # in epoch seconds, by its clock then
    lax: bool

    @property
    def start(self) -> tuple[str, int]:
        """What stays the same until the server starts again."""
        return self.server, self.started

    def keeps_log_of(self, before: ServerRun) -> bool:
        """Whether a GTID stands for the same transaction as it did in the run `before`."""
        if self.start == before.start:
            return True
        return self.server == before.server and not (self.lax or before.lax)

    def __str__(self) -> str:
        return f"{self.server}, started {datetime.fromtimestamp(self.started, UTC):%F %T} UTC"
