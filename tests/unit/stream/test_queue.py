"""The queue between reader and applier: bounded, in order, and neither waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from pipeline.errors import RetryableError
from pipeline.mysql.table import TableName
from pipeline.stream.events import ChangeKind, Event, RowsChange, TransactionBegin
from pipeline.stream.queue import EventQueue

_LONG_S = 5.0


@contextmanager
def feeding(queue: EventQueue, events: Iterable[Event]) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=queue.feed, args=(events,), daemon=True)
    thread.start()
    yield thread
    queue.close()
    thread.join(_LONG_S)
    assert not thread.is_alive()


def begin(number: int) -> TransactionBegin:
    return TransactionBegin(str(number))


def rows(size: int) -> RowsChange:
    return RowsChange(TableName("s", "t"), ChangeKind.INSERT, [], [], [], size)


def test_an_error_comes_out_after_all_that_came_before_it() -> None:
    def events() -> Iterator[Event]:
        yield begin(1)
        yield begin(2)
        raise RetryableError("lost")

    queue = EventQueue(1 << 20)
    queue.feed(events())
    assert [queue.get(0), queue.get(0)] == [begin(1), begin(2)]
    with pytest.raises(RetryableError, match="lost"):
        queue.get(0)
    assert queue.get(0) is None


def test_no_event_is_lost_and_nobody_waits_for_ever_at_the_bound() -> None:
    queue, many = EventQueue(1), [begin(number) for number in range(2000)]
    with feeding(queue, many):
        assert [queue.get(_LONG_S) for _ in many] == many


def test_a_reader_ahead_of_its_applier_stops_at_the_bound() -> None:
    handed: list[int] = []

    def events() -> Iterator[Event]:
        for number in range(100):
            handed.append(number)
            yield rows(1000)

    queue = EventQueue(10_000)
    with feeding(queue, events()) as thread:
        thread.join(0.1)
        assert len(handed) <= 10  # of 1,256 bytes, and the one that waits
        assert queue.get(0) is not None
        thread.join(0.1)
        assert len(handed) <= 11


def test_events_that_are_taken_but_not_handled_count_towards_the_bound() -> None:
    handed: list[int] = []

    def events() -> Iterator[Event]:
        for number in range(1000):
            handed.append(number)
            yield rows(1000)

    queue = EventQueue(80_000)
    with feeding(queue, events()) as thread:
        thread.join(0.1)
        assert queue.get(0) is not None
        thread.join(0.1)
        assert len(handed) <= 65  # of 1,256 bytes, and the one that waits


def test_a_reader_that_waits_for_room_ends_when_the_queue_is_closed() -> None:
    with feeding(EventQueue(1), [rows(1000), rows(1000), rows(1000)]) as thread:
        thread.join(0.1)
        assert thread.is_alive()
