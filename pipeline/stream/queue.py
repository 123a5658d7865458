"""The queue between the reader's thread and the applier's, bounded by bytes.

It is bounded by bytes and not by events, since one event may hold one row of 16 MB or ten
thousand rows of ten bytes. An error of the reader comes out at its place in the order.

Neither thread takes a lock unless one has to wait for the other. Each of the two counters is
written by one thread only. Whoever may have to wait says so before it looks once more, and the
other one counts before it looks whether anybody waits, so no wake-up is missed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from queue import Empty, SimpleQueue

from pipeline.stream.events import Event, RowsChange

_OVERHEAD = 256  # bytes that an event without rows is assumed to need


class EventQueue:
    """One producer, one consumer."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._events: SimpleQueue[Event | BaseException] = SimpleQueue()
        self._bytes_in = self._bytes_out = 0
        self._closed = False
        self._full = False  # the producer waits, or is about to
        self._room = threading.Condition()

    def feed(self, events: Iterable[Event]) -> None:
        """Put every event, then whatever ends them; the reader's thread runs this."""
        try:
            for event in events:
                if not self._put(event):
                    return
        except BaseException as error:
            self._put(error)

    def _put(self, event: Event | BaseException) -> bool:
        if not self._has_room():
            with self._room:
                self._full = True
                self._room.wait_for(self._has_room)
                self._full = False
        if self._closed:
            return False
        self._bytes_in += _size(event)
        self._events.put(event)
        return True

    def _has_room(self) -> bool:
        return self._closed or self._bytes_in - self._bytes_out <= self._limit

    def get(self, wait_s: float) -> Event | None:
        """The next event; None if none comes within `wait_s`.

        Raises:
            whatever ended the reader, once everything before it has been handed out.
        """
        try:
            event = self._events.get(timeout=wait_s)
        except Empty:
            return None
        self._bytes_out += _size(event)
        if self._full and self._has_room():
            self._wake()
        if isinstance(event, BaseException):
            raise event
        return event

    def close(self) -> None:
        """Let the reader's thread end."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        with self._room:
            self._room.notify_all()


def _size(event: Event | BaseException) -> int:
    return _OVERHEAD + (event.size if isinstance(event, RowsChange) else 0)
