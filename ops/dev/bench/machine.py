"""What a row was measured on: the machine, the commit, the versions."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

import psutil

_ROOT = Path(__file__).resolve().parents[3]


def machine() -> str:
    gib = psutil.virtual_memory().total / (1 << 30)
    return f"{os.cpu_count()} cores, {gib:.0f} GiB of memory, Linux {platform.release()}"


def commit() -> str:
    """The commit, with a + if files differ from it."""
    head = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", ".", ":!docs/performance.*")
    return head + ("+" if changed else "")


def version(text: str) -> str:
    """The first thing in a program's own words that looks like a version."""
    found = re.search(r"\d+(\.\d+)+", text)
    return found.group() if found else "of unknown version"


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
