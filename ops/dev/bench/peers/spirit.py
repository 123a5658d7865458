"""spirit move: copies and verifies a whole schema with four threads, and cuts over by itself."""

from __future__ import annotations

from ops.dev.bench.peers.peer import Peer, command, pipe
from ops.dev.bench.stand import Stand
from ops.dev.bench.tables import SCHEMA, TableKind

_THREADS = ("--threads=4", "--write-threads=4")


def _copy(stand: Stand, _table: TableKind) -> None:
    source, target = _dsn(stand, stand.source), _dsn(stand, stand.target)
    where = (f"--source-dsn={source}", f"--target-dsn={target}")
    pipe(command(stand, "spirit", "move", *where, *_THREADS))


def _dsn(stand: Stand, server: str) -> str:
    one = stand.stack.servers[server]
    tls = "false" if stand.tls == "disabled" else "skip-verify"
    return f"{one.user}:{one.password}@tcp({one.host}:{one.port})/{SCHEMA}?tls={tls}"


PEER = Peer("Spirit", ("spirit",), _copy)
