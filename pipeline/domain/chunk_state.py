"""The states of a chunk."""

from __future__ import annotations

from enum import StrEnum


class ChunkState(StrEnum):
    """A chunk's life: pending → sent → claimed → done; after a failed attempt pending again.

    Void: not done, and nobody may copy it any more.
    """

    PENDING = "pending"
    SENT = "sent"
    CLAIMED = "claimed"
    DONE = "done"
    VOID = "void"
