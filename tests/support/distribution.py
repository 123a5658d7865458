"""Hands files of tests to pytest-xdist's processes, in the order in which they were collected.

A package with servers of its own is handed out whole: each process would start them once more.
"""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

_WHOLE = ("tests/flavours/",)


class ByServers(LoadFileScheduling):
    """As `--dist loadfile`."""

    def _split_scope(self, nodeid: str) -> str:
        whole = (one for one in _WHOLE if nodeid.startswith(one))
        return next(whole, None) or super()._split_scope(nodeid)
