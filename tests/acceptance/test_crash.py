"""All workers are killed at every point that matters, and started again (I7).

Each point is really reached: the process that gets there says so and holds still, then
every worker is killed. What the workers' machine knew is thrown away; the control schema
alone has to be enough.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.commands import control
from pipeline.commands.clean_up import clean_up
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError
from pipeline.mysql.pools import Pools
from pipeline.mysql.servers import table_exists
from pipeline.mysql.table import TableName
from pipeline.pausepoints import Point
from tests.conftest import Connect
from tests.support.hooks import Hooks
from tests.support.moves import SOURCE, TARGET, begin_move, read, wait_for, wait_until
from tests.support.selection import some
from tests.support.stack import Stack
from tests.support.workload import TABLES, Workload, create_tables, differences

ROWS = 3000
BEFORE_SWITCHING = (
    Point.COPY_BEFORE_COMMIT,
    Point.STREAM_BEFORE_COMMIT,
    Point.INTENT_WRITTEN,
    Point.RENAMED,
    Point.DRAINING,
    Point.VERIFYING,
)
SWITCHING = (
    Point.BEFORE_SUCCESS_HOOK,
    Point.DURING_SUCCESS_HOOK,
    Point.AFTER_SUCCESS_HOOK,
)


class Crash:
    """A move of three tables, killed at one point."""

    def __init__(
        self, pools: Pools, connect: Connect, schema: str, stack: Stack, directory: Path
    ) -> None:
        self.pools, self.connect, self.schema, self.stack = pools, connect, schema, stack
        self.directory = directory
        self.hooks = Hooks(directory)

    def at(self, point: Point) -> None:
        """Start a move under writers, and kill every worker once one of them is at `point`."""
        create_tables(self.connect(), self.schema, ROWS)
        self.writers = Workload(
            lambda: self.connect(SOURCE), self.schema, ROWS, seed=1, pause_s=0.005
        ).start()
        mark, hold = self.directory / "mark", self.directory / "hold"
        hold.touch()
        self.stack.start(pause={point: {"mark": str(mark), "hold": str(hold)}})
        self.id = begin_move(self.pools, self.schema, TABLES, hooks=self.hooks.commands)
        wait_until(mark.exists, f"nobody reached {point}\n{self.stack.logs()}")
        self.stack.kill()
        self.stack.forget()

    def again(self) -> None:
        self.stack.start()

    def ends(self, stage: Stage) -> None:
        wait_for(self.pools, self.id, stage, logs=self.stack.logs)
        self.writers.stop()

    def differences(self, source_name: str) -> list[str]:
        found = []
        for name in TABLES:
            names = (f"{self.schema}.{source_name.format(name)}", f"{self.schema}.{name}")
            found += differences(self.connect(SOURCE), self.connect(TARGET), names)
        return found

    def in_place(self) -> list[bool]:
        """For each table, whether the source has it under its own name."""
        with self.pools.begin(SOURCE) as source:
            return [table_exists(source, TableName(self.schema, name)) for name in TABLES]


@pytest.fixture
def crash(pools: Pools, connect: Connect, schema: str, stack: Stack, tmp_path: Path) -> Crash:
    return Crash(pools, connect, schema, stack, tmp_path)


@pytest.mark.parametrize(
    "point",
    some(
        BEFORE_SWITCHING + SWITCHING,
        Point.RENAMED,
    ),
)  # fmt: skip
def test_a_move_killed_there_goes_on_to_an_exact_end(crash: Crash, point: Point) -> None:
    crash.at(point)
    if point in SWITCHING:
        assert read(crash.pools, crash.id).stage is Stage.SWITCHING
    crash.again()
    crash.ends(Stage.DONE)
    assert crash.differences("_{}_del") == []
    assert not any(crash.in_place())
    assert crash.hooks.writes_to == TARGET
    assert crash.hooks.attempts("on-success") == list(
        range(2 if point is Point.DURING_SUCCESS_HOOK else 1,
              3 if point is Point.DURING_SUCCESS_HOOK else 2)
    )  # fmt: skip


@pytest.mark.parametrize("point", some(BEFORE_SWITCHING))  # short: integration/cutover
def test_an_abort_gives_the_source_its_tables_back_whatever_was_killed_before(
    crash: Crash, point: Point
) -> None:
    crash.at(point)
    control.abort(crash.pools, TARGET, crash.id, "test")
    crash.again()
    crash.ends(Stage.ABORTED)
    assert all(crash.in_place())
    writers = Workload(lambda: crash.connect(SOURCE), crash.schema, ROWS, seed=2).start()
    wait_until(lambda: writers.commits > 10, "the source takes no writes")
    writers.stop()
    assert crash.hooks.attempts("on-success") == []
    dropped = clean_up(crash.pools, TARGET, crash.id, "test")
    assert len(dropped) == len(TABLES)
    assert all(crash.in_place())
    assert clean_up(crash.pools, TARGET, crash.id, "test") == []


@pytest.mark.parametrize("point", some(SWITCHING))
def test_past_the_point_of_no_return_an_abort_is_refused(crash: Crash, point: Point) -> None:
    crash.at(point)
    with pytest.raises(RefusedError, match="can't be aborted any more"):
        control.abort(crash.pools, TARGET, crash.id, "test")
    assert not any(crash.in_place())
    crash.writers.stop()
