"""One move on a stack of its own, for the benchmarks: of a narrow table, under a light writer."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ops.dev.demo.stack import Stack, running_stack

_LIMIT_S = 900.0
_BATCH = 100_000


@contextmanager
def stack_with_table(rows: int) -> Iterator[Stack]:
    """A stack whose source has `bench.narrow` with `rows` rows; workers are not started."""
    with (
        tempfile.TemporaryDirectory(prefix="tranship-bench-") as directory,
        running_stack(Path(directory), ("old", "new")) as stack,
    ):
        with stack.connect("old") as connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE bench")
            cursor.execute(
                "CREATE TABLE bench.narrow (id BIGINT PRIMARY KEY, amount DECIMAL(12,2) NOT NULL,"
                " note VARCHAR(40), made DATETIME NOT NULL)"
            )
            cursor.execute(f"SET SESSION cte_max_recursion_depth = {_BATCH}")
            for first in range(1, rows + 1, _BATCH):
                cursor.execute(
                    "INSERT INTO bench.narrow WITH RECURSIVE n AS (SELECT"
                    f" {first} AS i UNION ALL SELECT i + 1 FROM n WHERE i <"
                    f" {min(first + _BATCH - 1, rows)})"
                    " SELECT i, i / 7, CONCAT('note ', i), '2026-01-01' + INTERVAL i SECOND FROM n"
                )
                connection.commit()
        yield stack


@contextmanager
def light_writer(stack: Stack, rows: int) -> Iterator[None]:
    """About two hundred updates a second, until the table is moved."""
    stopping = threading.Event()

    def write() -> None:
        number = 0
        with stack.connect("old") as connection, connection.cursor() as cursor:
            while not stopping.wait(0.005):
                number = (number * 48271 + 11) % rows
                try:
                    cursor.execute(
                        f"UPDATE bench.narrow SET amount = amount + 1 WHERE id = {number + 1}"
                    )
                    connection.commit()
                except Exception:  # the table has been renamed: nothing left to do
                    return

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def move(stack: Stack, watch: Callable[[], None]) -> float:
    """Move the table; returns the seconds it took. `watch` is called a few times a second."""
    started = time.monotonic()
    command = ("move", "--source", "old", "--target", "new", "--table", "bench.narrow", "--wait")
    process = stack.tranship(*command, stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            if time.monotonic() - started > _LIMIT_S:
                raise SystemExit(f"the move takes longer than {_LIMIT_S:.0f} s")
            watch()
            time.sleep(0.2)
    finally:
        process.kill()
        process.wait()
    if process.returncode != 0:
        raise SystemExit(f"the move failed\n{stack.logs()}")
    return time.monotonic() - started
