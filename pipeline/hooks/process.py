"""Runs an operator's command: no shell, a clean environment, a time limit.

The command sees the variables that it is given and a few that every program needs, and nothing
else. It has its own process group, which is killed when its time is up. All along, the caller is
asked whether the command may go on.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

_ASK_S = 0.05
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TRANSHIP_CONFIG")


@dataclass(frozen=True)
class HookResult:
    """How a hook ended. `output` is the end of what it wrote to either stream."""

    exit_code: int
    output: str

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0


def run_hook(
    command: str, variables: Mapping[str, str], limit_s: float, still_ours: Callable[[], None]
) -> HookResult:
    """Run `command` (split as a shell would, run without one) for at most `limit_s`.

    `still_ours` is called again and again; what it raises ends the hook.
    """
    # Not all of the environment: it may hold servers' passwords.
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                shlex.split(command),
                env={**passed_on, **variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError, IndexError) as error:
            return HookResult(127, f"can't be started: {error}")
        try:
            code = _wait(process, limit_s, still_ours)
        finally:
            _end(process)
        return HookResult(code, _tail(output))


def _wait(process: subprocess.Popen[bytes], limit_s: float, still_ours: Callable[[], None]) -> int:
    # A thread is woken when the process ends; `wait` with a time-out polls, at up to 50 ms.
    ending = threading.Thread(target=process.wait, daemon=True)
    ending.start()
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        ending.join(_ASK_S)
        if not ending.is_alive():
            return process.wait()
        still_ours()
    return 124  # as timeout(1) does


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):  # it ends just now, and the thread has seen that first
            os.killpg(process.pid, 9)
        process.wait()


def _tail(output: IO[bytes], most: int = 4000) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - most))
    return output.read().decode(errors="replace").strip()
