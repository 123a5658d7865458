"""Files that nobody but their owner can read, from the first byte on."""

from __future__ import annotations

from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Write `text`, whatever the umask is; a file that is there already becomes private first."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
