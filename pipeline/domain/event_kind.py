"""The kinds of events in a migration's event log."""

from __future__ import annotations

import logging
from enum import StrEnum


class EventKind(StrEnum):
    """What an event is about, for scripts and filters; its message is for people."""

    CREATED = "created"
    STAGE = "stage"
    CONTROL = "control"  # a person asked for something
    THROTTLE = "throttle"
    HOOK = "hook"
    CHUNK = "chunk"  # released, since its worker is gone
    INDEX = "index"  # deferred ones are being added, or are there
    DIFFERENCE = "difference"  # between source and target, found by a checksum
    RENAME = "rename"
    SWAP = "swap"
    CUT_OVER = "cut-over"
    FORCE = "force"  # what blocked a cut-over was killed
    SOURCE = "source"  # another server than before, or restarted
    ALARM = "alarm"  # rows that somebody has to look at
    WAY_BACK = "way-back"
    FAILURE = "failure"
    SCHEDULE = "schedule"  # a run that could not start

    @property
    def level(self) -> int:
        """The level of its line in a process's log."""
        urgent = self in (EventKind.FAILURE, EventKind.ALARM, EventKind.SCHEDULE)
        return logging.ERROR if urgent else logging.INFO
