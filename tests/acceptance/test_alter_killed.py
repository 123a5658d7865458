"""Whatever is killed in the middle of a swap, the table exists, writable and complete (I7)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.commands import control
from pipeline.commands.clean_up import clean_up
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point
from tests.conftest import Connect
from tests.support.alters import SERVER, Bookkeeper, begin_alter, leftovers, make_table
from tests.support.moves import read, story, wait_for, wait_until
from tests.support.primary import own_primary
from tests.support.selection import some
from tests.support.stack import Stack

ROWS = 2000
BEFORE_THE_SWAP = (
    Point.INTENT_WRITTEN,
    Point.LOCKED,
    Point.RENAME_WAITS,
    Point.DRAINING,
    Point.VERIFYING,
    Point.PROVED,
)
POINTS = (*BEFORE_THE_SWAP, Point.SENTRY_DROPPED, Point.SWAPPED)


class Swap:
    """An alter under writers, with every worker holding still at one point."""

    def __init__(self, pools: Pools, connect: Connect, schema: str, stack: Stack) -> None:
        self.pools, self.connect, self.schema, self.stack = pools, connect, schema, stack

    def at(self, point: Point, directory: Path) -> None:
        truth = make_table(self.connect(SERVER), self.schema, "t", ROWS)
        self.writers = Bookkeeper(
            lambda: self.connect(SERVER), f"{self.schema}.t", ROWS, seed=1, truth=truth
        ).start()
        mark, self.hold = directory / "mark", directory / "hold"
        self.hold.touch()
        self.stack.start(pause={point: {"mark": str(mark), "hold": str(self.hold)}})
        self.id = begin_alter(self.pools, self.schema, "t", "ADD COLUMN c INT")
        wait_until(mark.exists, f"nobody reached {point}\n{self.stack.logs()}")

    def ends(self, stage: Stage) -> None:
        wait_for(self.pools, self.id, stage, logs=self.stack.logs)
        before = self.writers.written
        wait_until(
            lambda: self.writers.written > before + 50,
            f"nobody can write: {self.writers.errors}\n{story(self.pools, self.id)}",
        )
        self.writers.stop()
        assert self.writers.broken_promises(self.connect(SERVER)) == []


@pytest.fixture
def swap(pools: Pools, connect: Connect, schema: str, stack: Stack) -> Swap:
    return Swap(pools, connect, schema, stack)


@pytest.mark.parametrize("point", some(POINTS))  # short: integration/cutover
def test_every_worker_is_killed_and_the_alter_goes_on(
    swap: Swap, tmp_path: Path, point: Point
) -> None:
    swap.at(point, tmp_path)
    swap.stack.kill()
    swap.stack.start()
    swap.ends(Stage.DONE)
    clean_up(swap.pools, SERVER, swap.id, "test")
    assert leftovers(swap.pools, swap.schema) == ["t"]


# Once it is proved, an abort is refused until the server has said whether the swap has happened.
@pytest.mark.parametrize("point", some(BEFORE_THE_SWAP[:-1]))
def test_every_worker_is_killed_and_an_abort_leaves_the_table_alone(
    swap: Swap, tmp_path: Path, point: Point
) -> None:
    swap.at(point, tmp_path)
    swap.stack.kill()
    control.abort(swap.pools, SERVER, swap.id, "test")
    swap.stack.start()
    swap.ends(Stage.ABORTED)
    assert leftovers(swap.pools, swap.schema) == ["t"]


@pytest.mark.long
@pytest.mark.parametrize("which", ["lock_connection", "rename_connection"])
@pytest.mark.parametrize("point", POINTS[:-1])
def test_a_connection_is_killed_and_the_alter_goes_on(
    swap: Swap, tmp_path: Path, point: Point, which: str
) -> None:
    swap.at(point, tmp_path)
    number = getattr(read(swap.pools, swap.id), which)
    with swap.pools.begin(SERVER) as server:
        run(server, f"KILL {number}")
    swap.hold.unlink()
    swap.ends(Stage.DONE)
    clean_up(swap.pools, SERVER, swap.id, "test")
    assert leftovers(swap.pools, swap.schema) == ["t"]


@pytest.mark.parametrize("point", some(POINTS))
def test_the_server_is_killed_and_the_alter_goes_on(tmp_path: Path, point: Point) -> None:
    with own_primary(tmp_path, with_replica=False) as primary:
        swap = Swap(primary.pools, lambda *_: primary.connect(), "s", primary.stack)
        swap.at(point, tmp_path)
        primary.server.kill()
        swap.hold.unlink()
        primary.server.start()
        swap.ends(Stage.DONE)
        # A sandbox may lose what it has committed, so every row was verified again.
        again = point in BEFORE_THE_SWAP[:-1]
        assert not again or "has restarted" in story(primary.pools, swap.id)
        clean_up(primary.pools, SERVER, swap.id, "test")
        assert leftovers(primary.pools, "s") == ["t"]
