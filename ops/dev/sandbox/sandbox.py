"""MySQL and MariaDB servers and a Redis, without Docker and without installing anything.

Everything is below one directory: downloads in `cache`, a directory for each server in `run`,
and `state.json`, which says what is running, so that another process can end exactly that.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from ops.dev.sandbox import process
from ops.dev.sandbox.mariadbd import MariaDBServer
from ops.dev.sandbox.mysqld import MySQLServer, clear_socket
from ops.dev.sandbox.packages import REDIS, fetch
from ops.dev.sandbox.private import write_private
from ops.dev.sandbox.process import Identity, free_port
from ops.dev.sandbox.redisd import RedisServer
from pipeline.errors import known

AnyServer = TypeVar("AnyServer", bound=MySQLServer)
_ROOT = Path(__file__).resolve().parents[3] / ".sandbox"


def default_root() -> Path:
    return Path(os.environ.get("TRANSHIP_SANDBOX", _ROOT))


class Sandbox:
    """Servers below `root`. With `tied` they end with this process, however it ends."""

    def __init__(
        self, root: Path | None = None, *, tied: bool = False, name: str = "default"
    ) -> None:
        self.root = root or default_root()
        self.tied = tied
        self.directory = self.root / "run" / name
        self._servers: dict[str, MySQLServer | RedisServer] = {}

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def mysql(self, name: str, options: Mapping[str, str] | None = None) -> MySQLServer:
        """A running MySQL server called `name`."""
        return self._server(MySQLServer, name, options)

    def replica(self, name: str, source: MySQLServer) -> MySQLServer:
        """A running replica of a MySQL server, read-only."""
        # The user arrives by replication, with the source's password.
        options = {"read-only": "ON"}
        server = self._server(MySQLServer, name, options, password=source.password)
        server.run(
            f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{source.host}',"
            f" SOURCE_PORT = {source.port}, SOURCE_USER = '{source.user}',"
            f" SOURCE_PASSWORD = '{source.password}', SOURCE_AUTO_POSITION = 1,"
            " GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1",
            "START REPLICA",
        )
        return server

    def mariadb(self, name: str, options: Mapping[str, str] | None = None) -> MariaDBServer:
        """A running MariaDB server called `name`."""
        return self._server(MariaDBServer, name, options)

    def _server(
        self,
        kind: type[AnyServer],
        name: str,
        options: Mapping[str, str] | None,
        **more: str,
    ) -> AnyServer:
        server = kind(
            prefix=fetch(kind.product, self.root / "cache"),
            directory=self.directory / name,
            port=free_port(),
            server_id=1 + len(self._known()),
            tied=self.tied,
            options=options or {},
            **more,  # type: ignore[arg-type]
        )
        server.start()
        self._remember(name, server)
        return server

    def redis(self, name: str = "redis") -> RedisServer:
        """A running Redis."""
        prefix = fetch(REDIS, self.root / "cache")
        server = RedisServer(prefix, self.directory / name, free_port(), self.tied)
        server.start()
        self._remember(name, server)
        return server

    def stop(self) -> None:
        """End what this sandbox started, from this process or an earlier one."""
        for server in self._servers.values():
            server.stop()
        for facts in self._known().values():
            process.end(Identity(facts["pid"], facts["started"]))
            clear_socket(facts["port"])
        self.state.unlink(missing_ok=True)
        self._servers.clear()

    def status(self) -> dict[str, dict[str, Any]]:
        """The running servers: name to port and process."""
        return {
            name: facts
            for name, facts in self._known().items()
            if Identity(facts["pid"], facts["started"]).alive
        }

    @property
    def state(self) -> Path:
        return self.directory / "state.json"

    def _known(self) -> dict[str, dict[str, Any]]:
        return dict(json.loads(self.state.read_text())) if self.state.exists() else {}

    def _remember(self, name: str, server: MySQLServer | RedisServer) -> None:
        self._servers[name] = server
        identity = known(server.identity, "the process of a server that was started")
        facts: dict[str, Any] = {**asdict(identity), "port": server.port}
        if isinstance(server, MySQLServer):
            facts |= {"user": server.user, "password": server.password}
            facts["flavour"] = server.flavour
        state = {**self._known(), name: facts}
        write_private(self.state, json.dumps(state))


def clean(root: Path | None = None) -> None:
    """Stop every sandbox below `root` and remove everything, downloads included."""
    root = root or default_root()
    for state in (root / "run").glob("*/state.json"):
        Sandbox(root, name=state.parent.name).stop()
    shutil.rmtree(root, ignore_errors=True)
