"""How a demonstration reports: a line for each step, and the exit code."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import click

from ops.dev.sandbox.errors import SandboxError


class DemoError(Exception):
    """Why the demonstration failed."""


def say(text: str) -> None:
    click.echo(f"demo: {text}")


def perform(show: Callable[[Path], str]) -> None:
    """Run `show` in a directory of its own; the last line is what it returns, the exit code 0."""
    signal.signal(signal.SIGTERM, _interrupted)
    with tempfile.TemporaryDirectory(prefix="tranship-demo-") as directory:
        try:
            last = show(Path(directory))
        except (DemoError, SandboxError) as error:
            say(f"FAILED: {error}")
            sys.exit(1)
        except KeyboardInterrupt:
            say("interrupted; everything is stopped")
            sys.exit(130)
    say(last)


def _interrupted(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
