"""Server processes: started, signalled and ended by their own pid, and never another's."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from ops.dev.sandbox.errors import SandboxError

_PR_SET_PDEATHSIG = 1


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Identity:
    """A process; its start time tells it from a later one with the same number."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Identity:
        return cls(pid, psutil.Process(pid).create_time())

    @property
    def alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 1
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def spawn(command: list[str], log: Path, *, tied: bool, environment: Mapping[str, str]) -> Identity:
    """Start a server in the background; with `tied` it ends when this process does."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
            start_new_session=True,
            preexec_fn=_die_with_parent if tied else None,
        )
    return Identity.of(process.pid)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end(identity: Identity, limit_s: float = 20) -> None:
    """Send SIGTERM, and SIGKILL if that is not enough."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not identity.alive:
            break
        send(identity, signal.SIGCONT)
        send(identity, number)
        wait_until(lambda: not identity.alive, limit_s)
    _reap(identity.pid)


def kill(identity: Identity) -> None:
    send(identity, signal.SIGKILL)
    wait_until(lambda: not identity.alive, 10)
    _reap(identity.pid)


def send(identity: Identity, number: signal.Signals) -> None:
    """Signal the process if it is still the one that we started."""
    if identity.alive:
        with suppress(ProcessLookupError):
            os.kill(identity.pid, number)


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def wait_until(condition: Callable[[], bool], limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def wait_ready(
    identity: Identity, ready: Callable[[], bool], log: Path, what: str, limit_s: float = 60
) -> None:
    """Wait until a server answers.

    Raises:
        SandboxError: it ended or does not answer; with the end of its log.
    """
    wait_until(lambda: not identity.alive or ready(), limit_s)
    if not identity.alive or not ready():
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        tail = " | ".join(lines[-3:])
        raise SandboxError(f"{what} did not start. Its log {log} ends with: {tail}")
