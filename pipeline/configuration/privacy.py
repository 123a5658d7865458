"""Refuses files with passwords that others than their owner can read.

It is looked at when a process reads its configuration, and not at each connection: a file that is
being replaced must not stop a migration that runs.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipeline.configuration.settings import Settings
from pipeline.errors import RefusedError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# A file of root's that this process reads as a member of its group, as PostgreSQL allows it for
# keys: the way of systemd's credentials, of Kubernetes, and of `root:tranship` in /etc.
_OTHERS_OF_ROOTS = _OTHERS & ~stat.S_IRGRP


def refuse_open_files(path: Path, given: Mapping[str, Any], settings: Settings) -> None:
    """
    Raises:
        RefusedError: the configuration at `path`, which is `given`, holds a password, or a
            `password_file` does, and others can read it. The remedy is a command.
    """
    if _holds_password(given):
        _refuse_if_open(path)
    for server in settings.servers.values():
        if server.password_file is not None:
            _refuse_if_open(server.password_file)


def _holds_password(given: Mapping[str, Any]) -> bool:
    servers, broker = given.get("servers"), given.get("broker")
    if isinstance(servers, dict) and any("password" in one for one in servers.values()):
        return True
    url = str(broker.get("url", "")) if isinstance(broker, dict) else ""
    return urlsplit(url).password is not None


def _refuse_if_open(path: Path) -> None:
    try:
        found = path.stat()
    except OSError:  # whoever needs the password says that it can't be read
        return
    ours = found.st_uid != 0 or os.geteuid() == 0
    if found.st_mode & (_OTHERS if ours else _OTHERS_OF_ROOTS):
        mode = stat.S_IMODE(found.st_mode)
        raise RefusedError(
            f"{path} holds a password, and others than its owner may use it (mode {mode:03o}).",
            f"Run: chmod {'600' if ours else '640'} {shlex.quote(str(path))}",
        )
