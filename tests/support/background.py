"""An application's writes in the background, until its tables are gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pymysql

_GONE = 1146
_PAUSE_S = 0.002  # or it takes the time of those who are to keep up with it


@contextmanager
def writing(write: Callable[[int], None], *passing: int) -> Iterator[Callable[[], None]]:
    """Call `write(1)`, `write(2)` … in a thread; errors numbered in `passing` are passed over.

    Yields a function that ends it, and raises the first error that nobody expected. That the
    table is gone, which is what a cut-over does, ends it too.
    """
    stopping, failures = threading.Event(), list[BaseException]()

    def run() -> None:
        number = 0
        while not stopping.is_set():
            number += 1
            stopping.wait(_PAUSE_S)
            try:
                write(number)
            except pymysql.err.MySQLError as error:
                if error.args[0] in passing:
                    continue
                if error.args[0] != _GONE:
                    failures.append(error)
                return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def end() -> None:
        stopping.set()
        thread.join(timeout=10)
        if failures:
            raise failures[0]

    try:
        yield end
    finally:
        stopping.set()
