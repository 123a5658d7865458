"""gh-ost, with batches of 100, as its documentation advises.

It copies between servers where the build has --move-tables. In place, every build applies the
binary log in the same way.
"""

from __future__ import annotations

from pathlib import Path

from ops.dev.bench.peers.peer import Command, Peer, command, pipe
from ops.dev.bench.stand import Stand
from ops.dev.bench.tables import SCHEMA, TableKind

_MOVES = "gh-ost --move-tables"
_TERMS = ("--allow-on-master", "--chunk-size=5000", "--dml-batch-size=100", "--execute")


def in_place(stand: Stand, table: TableKind, postponed_by: Path) -> Command:
    """The command that rebuilds one table, and does not cut over while the file is there."""
    return _command(
        stand, "gh-ost", f"--table={table.name}", "--alter=ENGINE=InnoDB", "--assume-rbr",
        f"--postpone-cut-over-flag-file={postponed_by}",
    )  # fmt: skip


def in_place_name(table: TableKind) -> str:
    """The table that gh-ost fills meanwhile."""
    return f"{SCHEMA}._{table.name}_gho"


def _copy(stand: Stand, table: TableKind) -> None:
    new = stand.stack.servers[stand.target]
    pipe(_command(
        stand, _MOVES, f"--move-tables={table.name}", f"--target-database={SCHEMA}",
        f"--target-host={new.host}", f"--target-port={new.port}", f"--target-user={new.user}",
        f"--target-password={new.password}", "--gtid",
    ))  # fmt: skip


def _command(stand: Stand, program: str, *arguments: str) -> Command:
    old = stand.stack.servers[stand.source]
    tls = () if stand.tls == "disabled" else ("--ssl", "--ssl-allow-insecure")
    return command(
        stand, program, f"--host={old.host}", f"--port={old.port}", f"--user={old.user}",
        f"--password={old.password}", f"--database={SCHEMA}",
        f"--serve-socket-file={stand.stack.directory / 'gh-ost.sock'}",  # else one is left in /tmp
        *_TERMS, *tls, *arguments,
    )  # fmt: skip


PEER = Peer(_MOVES, (_MOVES,), _copy)
