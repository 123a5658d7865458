"""ghostferry-copydb, without its verifier, cutting over by itself."""

from __future__ import annotations

import json
from typing import Any

from ops.dev.bench.peers.peer import Peer, command, pipe
from ops.dev.bench.stand import Stand
from ops.dev.bench.tables import SCHEMA, TableKind
from ops.dev.sandbox.process import free_port


def _copy(stand: Stand, table: TableKind) -> None:
    config = stand.stack.directory / "ghostferry.json"
    config.touch(mode=0o600)
    config.write_text(json.dumps(_configuration(stand, table)))
    pipe(command(stand, "ghostferry-copydb", str(config)))


def _configuration(stand: Stand, table: TableKind) -> dict[str, Any]:
    return {
        "Source": _server(stand, stand.source),
        "Target": _server(stand, stand.target),
        "Databases": {"Whitelist": [SCHEMA]},
        "Tables": {"Whitelist": [table.name]},
        "VerifierType": "NoVerification",
        "AutomaticCutover": True,
        "ServerBindAddr": f"127.0.0.1:{free_port()}",
    }


def _server(stand: Stand, server: str) -> dict[str, Any]:
    one = stand.stack.servers[server]
    tls = "false" if stand.tls == "disabled" else "skip-verify"
    return {
        "Host": one.host, "Port": one.port, "User": one.user, "Pass": one.password,
        "Collation": "utf8mb4_unicode_ci", "Params": {"charset": "utf8mb4", "tls": tls},
    }  # fmt: skip


PEER = Peer("Ghostferry", ("ghostferry-copydb",), _copy)
