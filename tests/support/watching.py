"""A command in a terminal of 80 columns, and what it shows there, as text and as a picture."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.text import Text

from tests.support.interrupts import heeding_ctrl_c

_PROGRAMS = Path(sys.executable).parent
_COLUMNS, _LINES = 80, 24
_LIMIT_S = 60
# Before each picture the command goes back to where the last one began.
_AGAIN = re.compile(r"(?:\r?\x1b\[(?:2K|1A))+")
# A picture that asks another host for its letters would show where it is looked at.
_FONTS = re.compile(r"\s*@font-face \{.*?\}", re.S)


@dataclass
class Terminal:
    """Reads what the command writes, as it writes it."""

    process: subprocess.Popen[bytes]
    _end: int
    _written: bytearray = field(default_factory=bytearray)

    def read_on(self) -> None:
        with suppress(OSError):  # so its end is told
            while data := os.read(self._end, 65536):
                self._written += data

    @property
    def text(self) -> str:
        """All that it has written."""
        return Text.from_ansi(self._decoded).plain

    @property
    def _decoded(self) -> str:
        return self._written.decode(errors="ignore").replace("\r\n", "\n")

    def shows(self, pattern: str) -> Text:
        """The whole picture in which `pattern` is, once it is there."""
        deadline = time.monotonic() + _LIMIT_S
        while time.monotonic() < deadline:
            for picture in _AGAIN.split(self._decoded)[-2:-1]:
                if re.search(pattern, (shown := Text.from_ansi(picture)).plain):
                    return shown
            time.sleep(0.2)
        raise AssertionError(f"no {pattern} in:\n{self.text}")

    def interrupt(self) -> int:
        """Ctrl-C; returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=_LIMIT_S)


@contextmanager
def watching(config: Path, *arguments: str) -> Iterator[Terminal]:
    """`tranship`, as somebody types it; it is gone afterwards."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, _COLUMNS, 0, 0))
    with heeding_ctrl_c():
        process = subprocess.Popen(
            [_PROGRAMS / "tranship", *arguments], stdin=theirs, stdout=theirs, stderr=theirs,
            env={**os.environ, "TRANSHIP_CONFIG": str(config), "TERM": "xterm-256color"},
        )  # fmt: skip
    os.close(theirs)
    terminal = Terminal(process, ours)
    reader = threading.Thread(target=terminal.read_on, daemon=True)
    reader.start()
    try:
        yield terminal
    finally:
        process.kill()
        process.wait()
        reader.join(timeout=_LIMIT_S)
        os.close(ours)


def draw(shown: Text, title: str, path: Path) -> None:
    """What a terminal shows, as a picture."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO())
    console.print(shown, end="")
    path.write_text(_FONTS.sub("", console.export_svg(title=title)))
