"""MySQL Shell's util.copyTables: four threads, dump and load at the same time."""

from __future__ import annotations

from ops.dev.bench.peers.peer import Peer, command, pipe
from ops.dev.bench.stand import Stand
from ops.dev.bench.tables import SCHEMA, TableKind


def _copy(stand: Stand, table: TableKind) -> None:
    script = (
        f"util.copyTables('{SCHEMA}', ['{table.name}'], '{_uri(stand, stand.target)}',"
        " {threads: 4, showProgress: false})"
    )
    pipe(command(stand, "mysqlsh", _uri(stand, stand.source), "--js", "-e", script))


def _uri(stand: Stand, server: str) -> str:
    one = stand.stack.servers[server]
    mode = "DISABLED" if stand.tls == "disabled" else "REQUIRED"
    key = "&get-server-public-key=true" if mode == "DISABLED" else ""
    return f"mysql://{one.user}:{one.password}@{one.host}:{one.port}?ssl-mode={mode}{key}"


PEER = Peer("MySQL Shell", ("mysqlsh",), _copy)
