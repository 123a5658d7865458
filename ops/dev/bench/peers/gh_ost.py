"""gh-ost --move-tables, for builds that have it: batches of 100, as its documentation advises."""

from __future__ import annotations

from ops.dev.bench.peers.peer import Command, Peer, command, pipe
from ops.dev.bench.stand import Stand
from ops.dev.bench.tables import SCHEMA, TableKind


def move_tables(stand: Stand, table: TableKind, *more: str) -> Command:
    """The command that moves one table."""
    old, new = stand.stack.servers[stand.source], stand.stack.servers[stand.target]
    tls = () if stand.tls == "disabled" else ("--ssl", "--ssl-allow-insecure")
    return command(
        stand, "gh-ost", f"--move-tables={table.name}",
        f"--host={old.host}", f"--port={old.port}", f"--user={old.user}",
        f"--password={old.password}", f"--database={SCHEMA}",
        f"--target-host={new.host}", f"--target-port={new.port}", f"--target-user={new.user}",
        f"--target-password={new.password}",
        "--allow-on-master", "--gtid", "--chunk-size=5000", "--dml-batch-size=100", "--execute",
        *tls, *more,
    )  # fmt: skip


def _copy(stand: Stand, table: TableKind) -> None:
    pipe(move_tables(stand, table, f"--target-database={SCHEMA}"))


PEER = Peer("gh-ost --move-tables", ("gh-ost",), _copy)
