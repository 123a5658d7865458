"""Node names: a worker has the same one after a restart, and no two workers share one.

Flower keeps a row for each name that it has seen, so a name that is new with every start (with a
pid in it, say) leaves a dead row behind. Celery tells workers apart only by their names: two with
the same name are one row, and both answer what one is asked. So workers are numbered,
`copy-1@host`, `copy-2@host`, with the lowest number that no other of their role has on this machine
and this broker: there are never more names than there were workers at the same time.

A number is taken by binding an abstract Unix socket, on which nobody ever listens: the kernel
gives it to one process, and frees it when that process ends, however it ends. It is not a file, so
units with their own /tmp, users and sessions need not agree on a directory, and nothing is left
behind. Children inherit it, but don't keep it: those of Celery's pool die with their worker, and
beat closes what it inherits. Only Linux has such sockets; elsewhere a second worker of a role needs
`--name`.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import socket
import sys
from urllib.parse import urlsplit


def take_node_name(role: str, broker_url: str) -> str:
    """A name (without the host) for a worker of this role, as long as this process lives.

    It stays taken when the process becomes the worker (exec).
    """
    if sys.platform != "linux":
        return role
    names = (f"{role}-{number}" for number in itertools.count(1))
    broker = _digest(broker_url)
    return next(name for name in names if _take(f"tranship/{broker}/{name}"))


def _digest(broker_url: str) -> str:
    """Where the broker is, as a few letters. Every user can see them, so they hold no password."""
    url = urlsplit(broker_url)
    where = url.netloc.rpartition("@")[2] + url.path
    return hashlib.sha256(where.encode()).hexdigest()[:8]


def _take(name: str) -> bool:
    """Whether the name was free; it is ours from now on."""
    with socket.socket(socket.AF_UNIX) as taken:
        try:
            taken.bind(f"\0{name}")
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
        taken.set_inheritable(True)
        taken.detach()  # only the kernel closes it
    return True
