"""A program of others that copies a table, and how one is run."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ops.dev.bench.stand import LIMIT_S, Stand
from ops.dev.bench.tables import SCHEMA, TableKind
from ops.dev.sandbox.process import Identity, end, spawn


@dataclass(frozen=True)
class Peer:
    """`copy` copies a table into the target's empty schema, and returns when it is done."""

    name: str
    programs: tuple[str, ...]
    copy: Callable[[Stand, TableKind], None]

    def is_found(self, stand: Stand) -> bool:
        return not stand.programs.missing(self.programs)

    def seconds(self, stand: Stand, table: TableKind) -> float:
        stand.empty(stand.target)
        began = time.monotonic()
        self.copy(stand, table)
        seconds = time.monotonic() - began
        _give_back(stand, table)
        return seconds


def _give_back(stand: Stand, table: TableKind) -> None:
    """Give the source's table its name again, if the peer has cut over."""
    names = stand.column(stand.source, f"SHOW TABLES FROM {SCHEMA}")
    retired = [name for name in names if table.name in name]
    if table.name not in names and len(retired) == 1:
        stand.run(stand.source, f"RENAME TABLE {SCHEMA}.{retired[0]} TO {table.full_name}")


@dataclass(frozen=True)
class Command:
    """One process of a pipe."""

    name: str  # its arguments hold passwords
    arguments: Sequence[str]
    environment: Mapping[str, str]


def command(stand: Stand, name: str, *arguments: str, **environment: str) -> Command:
    program = stand.programs.need(name)
    return Command(name, (*program.command, *arguments), {**program.environment, **environment})


def client(stand: Stand, name: str, server: str, *arguments: str) -> Command:
    """One of MySQL's own clients, connected to a server by TCP."""
    one = stand.stack.servers[server]
    mode = "DISABLED" if stand.tls == "disabled" else "REQUIRED"
    where = (
        f"--host={one.host}", f"--port={one.port}", f"--user={one.user}", f"--ssl-mode={mode}",
        "--get-server-public-key",
    )  # fmt: skip
    return command(stand, name, "--no-defaults", *where, *arguments, MYSQL_PWD=one.password)


def pipe(*commands: Command, limit_s: float = LIMIT_S) -> None:
    """Run the commands, each reading what the one before it writes.

    Raises:
        SystemExit: one of them fails, or does not end.
    """
    with ExitStack() as stack:
        processes: list[_Process] = []
        for part in commands:
            before = processes[-1] if processes else None
            errors = stack.enter_context(tempfile.TemporaryFile())
            process = _Process.start(part, before, errors, is_last=part is commands[-1])
            stack.callback(process.kill)
            processes.append(process)
        for process in reversed(processes):
            process.finish(limit_s)


@contextmanager
def running(one: Command, log: Path) -> Iterator[Identity]:
    """The command in the background, for as long as the context lasts."""
    identity = spawn(list(one.arguments), log, tied=True, environment=one.environment)
    try:
        yield identity
    finally:
        end(identity)


@dataclass
class _Process:
    """One running command of a pipe; what it complains about goes to a file."""

    name: str
    running: subprocess.Popen[bytes]
    errors: IO[bytes]

    @classmethod
    def start(
        cls, one: Command, before: _Process | None, errors: IO[bytes], *, is_last: bool
    ) -> _Process:
        running = subprocess.Popen(
            one.arguments,
            env={**os.environ, **one.environment},
            stdin=subprocess.DEVNULL if before is None else before.running.stdout,
            stdout=subprocess.DEVNULL if is_last else subprocess.PIPE,
            stderr=errors,
        )
        if before is not None and before.running.stdout is not None:
            before.running.stdout.close()  # so that it notices when its reader ends
        return cls(one.name, running, errors)

    def finish(self, limit_s: float) -> None:
        try:
            status = self.running.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise SystemExit(f"{self.name} does not end") from None
        if status != 0:
            self.errors.seek(0)
            lines = self.errors.read().decode(errors="replace").strip().splitlines()
            raise SystemExit(f"{self.name} exited {status}: {' | '.join(lines[-3:])}")

    def kill(self) -> None:
        self.running.kill()
        self.running.wait()
