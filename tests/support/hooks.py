"""Hooks as an operator would write them: small programs that read their environment."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from pipeline.domain.hook_names import Hook

_PROGRAM = """
import os, pathlib, sys
directory = pathlib.Path({directory!r})
name = os.environ["TRANSHIP_HOOK"]
with (directory / name).open("a") as file:
    file.write(os.environ["TRANSHIP_HOOK_ATTEMPT"] + "\\n")
with (directory / "story").open("a") as file:
    file.write(name + " " + os.environ["TRANSHIP_STAGE"] + "\\n")
with (directory / "direction").open("a") as file:
    file.write(os.environ["TRANSHIP_DIRECTION"] + "\\n")
failing = directory / (name + ".failing")
if failing.exists():
    sys.exit("told to fail")
(directory / "writes-to").write_text(os.environ["TRANSHIP_TARGET"] if name == "on-success" else "")
if name == "status":
    (directory / "next").write_text(os.environ["TRANSHIP_NEXT"])
if name == "on-failure":
    (directory / "failure").write_text(os.environ["TRANSHIP_FAILURE"])
"""


class Hooks:
    """One program for every hook; what it was told is in files that the test reads."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._program = directory / "hook.py"
        self._program.write_text(_PROGRAM.format(directory=str(directory)))

    @property
    def commands(self) -> dict[Hook, str]:
        command = shlex.join([sys.executable, str(self._program)])
        return {Hook.BEFORE_CUT_OVER: command, Hook.ON_SUCCESS: command}

    @property
    def at_every_stage(self) -> dict[Hook, str]:
        return dict.fromkeys(Hook, self.commands[Hook.ON_SUCCESS])

    def story(self) -> list[str]:
        """Hook and stage, in the order in which they ran; without those of `status`."""
        lines = self.told("story").splitlines()
        return [line for line in lines if not line.startswith("status ")]

    def told(self, what: str) -> str:
        path = self.directory / what
        return path.read_text() if path.exists() else ""

    def attempts(self, name: str) -> list[int]:
        """The attempt numbers that hook `name` was given, in order."""
        path = self.directory / name
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def fail(self, name: str, *, yes: bool = True) -> None:
        path = self.directory / f"{name}.failing"
        path.touch() if yes else path.unlink()

    @property
    def writes_to(self) -> str:
        """The server that the application was told to write to; "" before it was."""
        return self.told("writes-to")
