"""How others copy one table from `old` to `new`: one file for each."""

from __future__ import annotations

from ops.dev.bench.peers import gh_ost, ghostferry, mydumper, mysqldump, mysqlsh
from ops.dev.bench.peers.peer import Peer

COPIERS: tuple[Peer, ...] = (
    mysqldump.PEER, mydumper.PEER, mysqlsh.PEER, ghostferry.PEER, gh_ost.PEER,
)  # fmt: skip
