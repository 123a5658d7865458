"""mydumper, then myloader: four threads each, by way of files."""

from __future__ import annotations

import tempfile

from ops.dev.bench.peers.peer import Command, Peer, command, pipe
from ops.dev.bench.stand import Stand
from ops.dev.bench.tables import SCHEMA, TableKind

_THREADS = "--threads=4"
_ROWS = "--rows=50000"


def _copy(stand: Stand, table: TableKind) -> None:
    with tempfile.TemporaryDirectory(prefix="mydumper-", dir=stand.stack.directory) as directory:
        out = f"--outputdir={directory}"
        # The whole schema: the option that names a table makes mydumper 0.10 wait for ever.
        schema = f"--database={SCHEMA}"
        pipe(_connected(stand, "mydumper", stand.source, _THREADS, _ROWS, schema, out))
        # Otherwise myloader leaves the binary log out, which the other side writes.
        into = (f"--directory={directory}", "--enable-binlog", "--overwrite-tables")
        pipe(_connected(stand, "myloader", stand.target, _THREADS, *into))


def _connected(stand: Stand, name: str, server: str, *arguments: str) -> Command:
    one = stand.stack.servers[server]
    where = (
        f"--host={one.host}", f"--port={one.port}", f"--user={one.user}",
        f"--password={one.password}",
    )  # fmt: skip
    tls = () if stand.tls == "disabled" else ("--ssl",)
    return command(stand, name, *where, *tls, *arguments)


PEER = Peer("mydumper + myloader", ("mydumper", "myloader"), _copy)
