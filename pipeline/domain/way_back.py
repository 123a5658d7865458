"""The way back: a second migration with the roles swapped, whose copy is done already.

At the proof both sides are equal, so what the application writes to the new tables from then on is
all that the old ones lack. The second migration brings it there, and its cut-over is the roll-back.
That of a move is a move, that of an alter an alter.
The second one has a way back, too, which is the way forward again, and so to and fro.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import blake2s

from pipeline.mysql.server_run import ServerRun
from pipeline.mysql.table import TableName


class Direction(StrEnum):
    """Which way a migration leads; the first one: forward."""

    FORWARD = "forward"
    BACK = "back"

    @property
    def opposite(self) -> Direction:
        return Direction.BACK if self is Direction.FORWARD else Direction.FORWARD


@dataclass(frozen=True, kw_only=True)
class WayBack:
    """What makes a migration a way back: what it takes back, how its target's tables are called."""

    of: str  # the migration that it takes back
    direction: Direction
    retired: tuple[TableName, ...]  # what it fills, in the order of the request's tables
    names: tuple[TableName, ...]  # which these get again at its cut-over
    until: datetime  # when it ends by itself, if nobody asks for the roll-back
    asked: bool = False  # for the roll-back, which waits for a person from then on, whatever comes


@dataclass(frozen=True)
class StreamStart:
    """Where the stream of a way back begins: read before the proof, and written down with it.

    Whatever the application writes to the new tables after the switch comes later. So the way back
    may be recorded at any time after that, and misses nothing.
    """

    position: str  # the GTID set that the server of the new tables had executed
    prepared_xa: tuple[str, ...]
    identity: str  # of that server
    run: ServerRun  # of that server
    time: float  # when it was read, by its clock


def way_back_id(migration_id: str) -> str:
    """The id of a migration's way back, which is recorded once, however often that is tried."""
    return blake2s(f"way back of {migration_id}".encode(), digest_size=4).hexdigest()
