"""Two MySQL servers and a Redis: from containers where Docker answers, else the sandbox."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from ops.dev.sandbox.errors import SandboxError
from ops.dev.sandbox.mariadbd import OPTIONS as MARIADB_OPTIONS
from ops.dev.sandbox.mysqld import OPTIONS as MYSQL_OPTIONS
from ops.dev.sandbox.packages import MARIADB, MYSQL, fetch
from ops.dev.sandbox.process import free_port
from ops.dev.sandbox.sandbox import Sandbox, default_root
from ops.dev.servers.images import images_for, use_docker
from pipeline.configuration.load import server_password

_DUMPS = {"mysql": (MYSQL, "mysqldump"), "mariadb": (MARIADB, "mariadb-dump")}
_MYSQL_ONLY = ("--set-gtid-purged=OFF", "--column-statistics=0")


@dataclass(frozen=True)
class Address:
    """Where a server is, and how to log in."""

    host: str
    port: int
    user: str = ""
    password: str = ""


@dataclass(frozen=True)
class Servers:
    """What a configuration needs."""

    old: Address
    new: Address
    redis: Address

    def as_toml(self) -> str:
        """A configuration with short time-outs: tests kill what holds a lease."""
        parts = [
            f'[broker]\nurl = "redis://{self.redis.host}:{self.redis.port}/0"\n',
            "[timeouts]\nlease_s = 3\nlock_wait_s = 5\nidle_s = 10\n",
            "[workers]\ntick_s = 0.5\n",
            "[row_copy]\nresend_s = 3\nstale_claim_s = 6\n",
            "[checksum]\nresend_s = 3\ndrain_wait_s = 2\n",
            "[cut_over]\nretry_s = 1\n",
            "[hooks]\nstatus_s = 1\n",
        ]
        for name, server in (("old", self.old), ("new", self.new)):
            parts.append(
                f'[servers.{name}]\nhost = "{server.host}"\nport = {server.port}\n'
                f'user = "{server.user}"\npassword = "{server.password}"\n'
            )
        return "\n".join(parts)


@contextmanager
def running_servers(flavours: tuple[str, str] = ("mysql", "mysql")) -> Iterator[Servers]:
    """Servers for one session, ended afterwards.

    Skips on a machine that can't have them; fails there under CI.
    """
    try:
        with ExitStack() as stack:
            start = _from_docker if use_docker() else _from_sandbox
            yield start(stack, flavours)
    except SandboxError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no servers: {error}")


def _from_sandbox(stack: ExitStack, flavours: tuple[str, str]) -> Servers:
    sandbox = stack.enter_context(Sandbox(tied=True, name=f"tests-{secrets.token_hex(4)}"))
    start = {"mysql": sandbox.mysql, "mariadb": sandbox.mariadb}
    old, new = (
        _address(start[flavour](name))
        for flavour, name in zip(flavours, ("old", "new"), strict=True)
    )
    return Servers(old, new, Address("127.0.0.1", sandbox.redis().port))


def _address(server: Any) -> Address:
    return Address(server.host, server.port, server.user, server.password)


_OPTIONS = {"mysql": MYSQL_OPTIONS, "mariadb": MARIADB_OPTIONS}


def _from_docker(stack: ExitStack, flavours: tuple[str, str]) -> Servers:
    from testcontainers.mysql import MySqlContainer
    from testcontainers.redis import RedisContainer

    found = []
    for number, (flavour, image) in enumerate(zip(flavours, images_for(flavours), strict=True), 1):
        flags = " ".join(
            f"--{name}={value}"
            for name, value in _OPTIONS[flavour].items()
            if name != "bind-address"
        )
        container = MySqlContainer(image, username="root", password="sandbox")
        container.with_command(f"{flags} --server-id={number}")
        started = stack.enter_context(container)
        host = started.get_container_host_ip().replace("localhost", "127.0.0.1")
        found.append(Address(host, int(started.get_exposed_port(3306)), "root", "sandbox"))
    redis = stack.enter_context(RedisContainer("redis:7"))
    host = redis.get_container_host_ip().replace("localhost", "127.0.0.1")
    return Servers(found[0], found[1], Address(host, int(redis.get_exposed_port(6379))))


class Broker(Protocol):
    """A Redis that a test may empty and restart."""

    @property
    def url(self) -> str: ...

    def flush(self) -> None: ...

    def restart(self) -> None: ...


@contextmanager
def running_broker() -> Iterator[Broker]:
    """A Redis of the test's own, on a port that stays the same over a restart."""
    if use_docker():
        from testcontainers.redis import RedisContainer

        port = free_port()
        with RedisContainer("redis:7").with_bind_ports(6379, port) as container:
            yield _RedisContainer(container, f"redis://127.0.0.1:{port}/0")
    else:
        with Sandbox(tied=True, name=f"broker-{secrets.token_hex(4)}") as sandbox:
            yield sandbox.redis()


@dataclass(frozen=True)
class _RedisContainer:
    container: Any
    url: str

    def flush(self) -> None:
        self.container.get_client().flushall()

    def restart(self) -> None:
        self.container.get_wrapped_container().restart()


def dump_command(server: Any, flavour: str) -> tuple[list[str], dict[str, str]]:
    """The servers' own dump client, for `server`, and its environment."""
    product, name = _DUMPS[flavour]
    program = shutil.which(name)
    unpacked = fetch(product, default_root() / "cache")
    command = [program] if program else unpacked.command(f"usr/bin/{name}")
    flags = [
        "--no-defaults", f"--host={server.host}", f"--port={server.port}",
        f"--user={server.user}", "--default-character-set=utf8mb4", "--skip-lock-tables",
        "--no-tablespaces", *(_MYSQL_ONLY if flavour == "mysql" else ()),
    ]  # fmt: skip
    return [*command, *flags], {**os.environ, "MYSQL_PWD": server_password(server)}
