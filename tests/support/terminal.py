"""`tranship` and `celery` as somebody types them, in a directory of theirs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_PROGRAMS = Path(sys.executable).parent
_READY = re.compile(r" (\S+@\S+) ready\.")
_LIMIT_S = 60


def call(directory: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [_PROGRAMS / program, *arguments], cwd=directory, env=_environment(),
        capture_output=True, text=True, check=False, timeout=_LIMIT_S,
    )  # fmt: skip


@dataclass(frozen=True)
class Worker:
    """A worker and its children."""

    process: subprocess.Popen[bytes]
    log: Path

    def waits_for(self, pattern: str | re.Pattern[str]) -> re.Match[str]:
        """Where `pattern` is in its log, once it is."""
        deadline = time.monotonic() + _LIMIT_S
        while time.monotonic() < deadline:
            text = self.log.read_text(errors="replace")
            if (found := re.search(pattern, text)) is not None:
                return found
            assert self.process.poll() is None, text
            time.sleep(0.1)
        raise AssertionError(f"no {pattern} in its log:\n{text}")

    @property
    def node(self) -> str:
        """Its name and its host, once it is ready."""
        return self.waits_for(_READY)[1]

    @property
    def name(self) -> str:
        """Its name alone."""
        return self.node.partition("@")[0]

    def kill(self) -> None:
        """SIGKILL, and its children are left to themselves."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running_worker(directory: Path, program: str, *arguments: str) -> Iterator[Worker]:
    """A worker with a log of its own; nothing of it is left behind."""
    log = directory / f"{time.monotonic_ns()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [_PROGRAMS / program, *arguments], cwd=directory, env=_environment(),
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        yield Worker(process, log)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "TRANSHIP_CONFIG"}
    return {**kept, "C_FORCE_ROOT": "1"}
