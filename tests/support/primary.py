"""A primary of the test's own, which it may kill, with a replica where that matters."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ops.dev.sandbox.errors import SandboxError
from ops.dev.sandbox.mysqld import MySQLServer
from ops.dev.sandbox.sandbox import Sandbox
from pipeline.configuration.load import load_settings
from pipeline.mysql.pools import Pools
from tests.support.servers import Address, Servers
from tests.support.stack import Stack


@dataclass
class Primary:
    """Servers `new` and, if asked for, `replica`; workers that are the test's to start."""

    server: MySQLServer
    replica: MySQLServer | None
    pools: Pools
    stack: Stack

    def connect(self, server: MySQLServer | None = None) -> pymysql.Connection[Any]:
        """As an application would."""
        one = server or self.server
        return pymysql.connect(host=one.host, port=one.port, user=one.user, password=one.password)


@contextmanager
def own_primary(directory: Path, *, with_replica: bool) -> Iterator[Primary]:
    """Skips on a machine that can't have servers; fails there under CI."""
    try:
        with ExitStack() as ends:
            yield _start(ends, directory, with_replica)
    except SandboxError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no servers: {error}")


def _start(ends: ExitStack, directory: Path, with_replica: bool) -> Primary:
    sandbox = ends.enter_context(Sandbox(tied=True, name=f"primary-{secrets.token_hex(4)}"))
    server = sandbox.mysql("new")
    # The user is made anew at each start: not what a replica should be told of.
    replica = sandbox.replica("replica", server) if with_replica else None
    config = directory / "tranship.toml"
    config.write_text(_config(server, replica, sandbox.redis().port))
    pools = Pools(load_settings(config))
    ends.callback(pools.close)
    stack = Stack(config, directory)
    ends.callback(stack.kill)
    return Primary(server, replica, pools, stack)


def _config(server: MySQLServer, replica: MySQLServer | None, redis: int) -> str:
    one = Address(server.host, server.port, server.user, server.password)
    other = one
    if replica is not None:
        other = Address(replica.host, replica.port, replica.user, replica.password)
    text = Servers(other, one, Address("127.0.0.1", redis)).as_toml()
    return text.replace("[servers.old]", "[servers.replica]")
