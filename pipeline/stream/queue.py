"""The queue between the reader's thread and the applier's, bounded by bytes.

It is bounded by bytes and not by events, since one event may hold one row of 16 MB or ten
thousand rows of ten bytes. An error of the reader comes out at its place in the order.

The consumer takes many events at once. For each one alone it would have to wait until the reader,
which decodes all the time, lets go of the lock and of the interpreter. What it has taken counts
until it comes back for more, so the bound holds for all that is in memory.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from pipeline.stream.events import Event, RowsChange

_OVERHEAD = 256  # bytes that an event without rows is assumed to need
_SHARES = 8  # a taking is so small a part of the bound that the reader is hardly held up by it


class EventQueue:
    """One producer, one consumer."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._events: deque[Event | BaseException] = deque()
        self._bytes = 0  # of all events that are put, but not handled yet
        self._closed = False
        self._taken: deque[Event | BaseException] = deque()  # the consumer's own
        self._taken_bytes = 0
        self._changed = threading.Condition()

    def feed(self, events: Iterable[Event]) -> None:
        """Put every event, then whatever ends them; the reader's thread runs this."""
        try:
            for event in events:
                if not self._put(event):
                    return
        except BaseException as error:
            self._put(error)

    def _put(self, event: Event | BaseException) -> bool:
        with self._changed:
            while self._bytes > self._limit and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            self._events.append(event)
            self._bytes += _size(event)
            self._changed.notify_all()
            return True

    def get(self, wait_s: float) -> Event | None:
        """The next event; None if none comes within `wait_s`.

        Raises:
            whatever ended the reader, once everything before it has been handed out.
        """
        if not self._taken and not self._take(wait_s):
            return None
        event = self._taken.popleft()
        if isinstance(event, BaseException):
            raise event
        return event

    def _take(self, wait_s: float) -> bool:
        """Take more events, now that those before are handled; False if none comes in time."""
        with self._changed:
            self._bytes -= self._taken_bytes
            self._taken_bytes = 0
            self._changed.notify_all()
            if not self._events:
                self._changed.wait(wait_s)
            while self._events and self._taken_bytes <= self._limit // _SHARES:
                event = self._events.popleft()
                self._taken.append(event)
                self._taken_bytes += _size(event)
            return bool(self._taken)

    def close(self) -> None:
        """Let the reader's thread end."""
        with self._changed:
            self._closed = True
            self._events.clear()
            self._changed.notify_all()


def _size(event: Event | BaseException) -> int:
    return _OVERHEAD + (event.size if isinstance(event, RowsChange) else 0)
