"""The queue between the reader's thread and the applier's, bounded by bytes.

It is bounded by bytes and not by events, since one event may hold one row of 16 MB or ten
thousand rows of ten bytes. An error of the reader comes out at its place in the order.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from pipeline.stream.events import Event, RowsChange

_OVERHEAD = 256  # bytes that an event without rows is assumed to need


class EventQueue:
    """One producer, one consumer."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._events: deque[Event | BaseException] = deque()
        self._bytes = 0
        self._closed = False
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
        with self._changed:
            if not self._events:
                self._changed.wait(wait_s)
            if not self._events:
                return None
            event = self._events.popleft()
            self._bytes -= _size(event)
            self._changed.notify_all()
        if isinstance(event, BaseException):
            raise event
        return event

    def close(self) -> None:
        """Let the reader's thread end."""
        with self._changed:
            self._closed = True
            self._events.clear()
            self._changed.notify_all()


def _size(event: Event | BaseException) -> int:
    return _OVERHEAD + (event.size if isinstance(event, RowsChange) else 0)
