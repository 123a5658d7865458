"""What a demonstration runs on: MySQL servers, Redis, workers, beat and Flower.

Everything is a process of ours on a loopback port, in a directory of its own, and ends with
this process, however that ends.
"""

from __future__ import annotations

import base64
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql

from ops.dev.sandbox import process
from ops.dev.sandbox.least_privileges import LEAST_USER
from ops.dev.sandbox.mysqld import MySQLServer
from ops.dev.sandbox.private import write_private
from ops.dev.sandbox.process import Identity
from ops.dev.sandbox.sandbox import Sandbox

_WORKERS = {"copy-1": "copy", "copy-2": "copy", "stream": "stream", "coordinate": "coordinate"}
_PATIENCE_S = 15.0


@dataclass
class Stack:
    """The running servers and workers."""

    directory: Path
    servers: dict[str, MySQLServer]
    broker_url: str
    schemas: Sequence[str]
    tls_mode: str = "preferred"
    program: Path | None = None  # an installed `tranship`, instead of this checkout's
    flower_port: int = field(default_factory=process.free_port)
    _login: str = field(default_factory=lambda: f"demo:{secrets.token_urlsafe(9)}")
    workers: dict[str, Identity] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.directory / "tranship.toml"

    def connect(self, server: str) -> pymysql.Connection[Any]:
        """A connection as the application's, which knows nothing of Tranship."""
        one = self.servers[server]
        return pymysql.connect(host=one.host, port=one.port, user=one.user, password=one.password)

    def configure(self) -> None:
        """Write the configuration, and each password into a file of its own.

        As in production, the user has no privileges but those of ops/examples.
        """
        parts = [f'[broker]\nurl = "{self.broker_url}"\n', "[workers]\ncopy_concurrency = 2\n"]
        for name, server in self.servers.items():
            server.let_least_user_in(self.schemas)
            secret = self.directory / f"{name}.password"
            write_private(secret, server.password)
            parts.append(
                f'[servers.{name}]\nhost = "{server.host}"\nport = {server.port}\n'
                f'user = "{LEAST_USER}"\npassword_file = "{secret}"\n'
                f'tls.mode = "{self.tls_mode}"\n'
            )
        self.config.write_text("\n".join(parts))

    def start(self) -> None:
        """Start two copy workers, a streamer, a coordinator with beat, and Flower."""
        self.start_workers()
        self.workers["flower"] = self._spawn("flower", "flower", f"--port={self.flower_port}")

    def start_workers(self) -> None:
        """Start two copy workers, a streamer and a coordinator with beat."""
        for name, role in _WORKERS.items():
            self.workers[name] = self._spawn(name, role)

    def stop(self) -> None:
        """End every worker and its children."""
        for worker in self.workers.values():
            process.send(worker, signal.SIGTERM)
        process.wait_until(lambda: not any(one.alive for one in self.workers.values()), _PATIENCE_S)
        for worker in self.workers.values():
            process.end(worker)
            with suppress(ProcessLookupError):  # its children, if it left any
                os.killpg(worker.pid, signal.SIGKILL)

    def tranship(self, *arguments: str, stdout: int | None = None) -> subprocess.Popen[bytes]:
        """The command line, in our own terminal."""
        command, environment = self._command(*arguments), self._environment()
        return subprocess.Popen(command, env=environment, stdout=stdout)

    def flower_answers(self, limit_s: float = 20) -> bool:
        """Whether the dashboard shows the workers."""
        login = base64.b64encode(self._login.encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.flower_port}/api/workers?refresh=1",
            headers={"Authorization": f"Basic {login}"},
        )
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            with (
                suppress(urllib.error.URLError, TimeoutError),
                urllib.request.urlopen(request, timeout=5) as answer,
            ):
                if b"stream-" in answer.read():
                    return True
            time.sleep(0.5)
        return False

    @property
    def flower(self) -> str:
        user, password = self._login.split(":")
        return f"http://127.0.0.1:{self.flower_port} (user {user}, password {password})"

    def logs(self, lines: int = 15) -> str:
        """The end of every log."""
        return "\n".join(
            f"--- {path}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
            for path in sorted(self.directory.glob("*.log"))
        )

    def _spawn(self, name: str, *arguments: str) -> Identity:
        return process.spawn(
            self._command("worker", *arguments),
            self.directory / f"{name}.log",
            tied=True,
            environment=self._environment(),
        )

    def _command(self, *arguments: str) -> list[str]:
        if self.program is not None:
            return [str(self.program), *arguments]
        return [sys.executable, "-m", "ops.cli.main", *arguments]

    def _environment(self) -> dict[str, str]:
        here = str(Path(__file__).resolve().parents[3])
        return {
            **os.environ,
            **({"PYTHONPATH": here} if self.program is None else {}),
            "TRANSHIP_CONFIG": str(self.config),
            "FLOWER_BASIC_AUTH": self._login,
            "TMPDIR": str(self.directory),
            "C_FORCE_ROOT": "1",
        }


@contextmanager
def running_stack(
    directory: Path,
    names: Sequence[str],
    schemas: Sequence[str],
    options: Mapping[str, str] | None = None,
    tls_mode: str = "preferred",
    program: Path | None = None,
) -> Iterator[Stack]:
    """Started and configured servers, each with `options`; the caller starts the workers.

    The workers' user may move and rebuild the tables of `schemas`.
    """
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(tied=True, name=f"demo-{secrets.token_hex(4)}"))
        servers = {name: sandbox.mysql(name, options) for name in names}
        running = Stack(directory, servers, sandbox.redis().url, schemas, tls_mode, program)
        stack.callback(running.stop)
        running.configure()
        yield running
