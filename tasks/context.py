"""What the tasks of one process share: configuration, pools, and the name that they sign with."""

from __future__ import annotations

import os
import socket
from functools import cache

from pipeline.configuration.load import load_settings
from pipeline.mysql.pools import Pools


@cache
def pools() -> Pools:
    """The process's pools. Their engines are kept by pid, so a fork is safe."""
    return Pools(load_settings())


def owner() -> str:
    """The name of this process in leases, claims and the event log."""
    return f"{socket.gethostname()}:{os.getpid()}"
