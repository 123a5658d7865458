"""Real Celery workers as real processes, which a test may kill and start again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.queues import CHECKSUM, COORDINATE, COPY, STREAM

_ROOT = Path(__file__).resolve().parents[2]
_COMMANDS = {
    "copy": ["-A", "tranship", "worker", "-Q", f"{COPY},{CHECKSUM}", "-c", "3"],
    "stream": ["-A", "tranship.streamer", "worker", "-Q", STREAM, "-P", "solo"],
    "coordinate": ["-A", "tranship", "worker", "-B", "-Q", COORDINATE, "-c", "2"],
}


@dataclass
class Stack:
    """The workers of one configuration."""

    config: Path
    directory: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def scratch(self) -> Path:
        """The only directory that workers write to, but for their logs."""
        path = self.directory / "scratch"
        path.mkdir(exist_ok=True)
        return path

    def start(self, *roles: str, pause: dict[str, Any] | None = None) -> None:
        """Start workers of `roles` (all by default); `pause` sets pause points in them."""
        for role in roles or tuple(_COMMANDS):
            self._start(role, pause or {})

    def _start(self, role: str, pause: dict[str, Any]) -> None:
        log = (self.directory / f"{role}.log").open("ab")
        self.processes[role] = subprocess.Popen(
            [sys.executable, "-P", "-m", "celery", *_COMMANDS[role], "-l", "INFO",
             "-n", f"{role}-{os.getpid()}-{time.monotonic_ns()}@%h",
             "--without-gossip", "--without-mingle"],
            cwd=_ROOT,
            env={
                **os.environ,
                "TRANSHIP_CONFIG": str(self.config),
                "TRANSHIP_PAUSE": json.dumps(pause),
                "TMPDIR": str(self.scratch),
                "C_FORCE_ROOT": "1",
            },
            stdout=log,
            stderr=log,
            start_new_session=True,
        )  # fmt: skip

    def kill(self, *roles: str) -> None:
        """SIGKILL workers, children included."""
        for role in roles or tuple(self.processes):
            process = self.processes.pop(role)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def forget(self) -> None:
        """What a machine that is replaced by another loses."""
        shutil.rmtree(self.scratch)

    def send(self, role: str, number: signal.Signals) -> None:
        """Send a signal to a worker and its children."""
        os.killpg(self.processes[role].pid, number)

    def stop(self) -> None:
        """End the workers as a deploy would; kill what does not go."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=25)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        self.processes.clear()

    def logs(self) -> str:
        """The end of every worker's log, for a failing test's message."""
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-40:])
            for path in sorted(self.directory.glob("*.log"))
        )


@dataclass
class SharedStacks:
    """At most one stack that stays from test to test, for one configuration."""

    directory: Path
    _stack: Stack | None = None

    def running(self, config: Path) -> Stack:
        """The workers of `config`; started if they are not there."""
        if self._stack is None or self._stack.config != config:
            self.kill()
            self._stack = Stack(config, self.directory)
            self._stack.start()
        return self._stack

    def kill(self) -> None:
        if self._stack is not None:
            self._stack.kill()
            self._stack = None
