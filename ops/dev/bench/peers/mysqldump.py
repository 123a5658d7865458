"""mysqldump | mysql: one connection on each side, no temporary file."""

from __future__ import annotations

from ops.dev.bench.peers.peer import Peer, client, pipe
from ops.dev.bench.stand import Stand
from ops.dev.bench.tables import SCHEMA, TableKind

_PACKET = "--max-allowed-packet=256M"
_DUMP = ("--single-transaction", "--quick", "--set-gtid-purged=OFF", _PACKET)


def _copy(stand: Stand, table: TableKind) -> None:
    pipe(
        client(stand, "mysqldump", stand.source, *_DUMP, SCHEMA, table.name),
        client(stand, "mysql", stand.target, _PACKET, SCHEMA),
    )


PEER = Peer("mysqldump | mysql", ("mysqldump", "mysql"), _copy)
