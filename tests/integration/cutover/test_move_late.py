"""A move's cut-over that does not get through in time gives the source its tables back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from pipeline.commands import control
from pipeline.domain.stages import Stage
from pipeline.errors import RetryableError
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.servers import table_exists
from pipeline.mysql.table import TableName
from pipeline.pausepoints import Point, at
from tests.support.coordinators import Coordinators, hurried, streaming
from tests.support.moves import SOURCE, TARGET, begin_move, read, story

LIMIT_S = 0.5


@dataclass
class LateMove:
    """A move whose cut-over may take half a second, and is tried twice at most."""

    pools: Pools
    table: TableName
    coordinators: Coordinators

    @property
    def id(self) -> str:
        return self.coordinators.migration_id

    @property
    def in_place(self) -> bool:
        with self.pools.begin(SOURCE) as source:
            return table_exists(source, self.table)

    def write(self, number: int) -> None:
        with self.pools.begin(SOURCE) as source:
            run(source, f"INSERT INTO {self.table} VALUES ({number})")

    def allow(self) -> None:
        control.cut_over(self.pools, TARGET, self.id, "test")


@pytest.fixture
def move(pools: Pools, schema: str) -> Iterator[LateMove]:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
        run(source, f"INSERT INTO {schema}.t VALUES (1), (2)")
    migration_id = begin_move(pools, schema, ["t"], postponed=True)
    with hurried(pools, limit_s=LIMIT_S, attempts=2) as quick, streaming(pools, migration_id):
        coordinators = Coordinators(quick, migration_id)
        coordinators.until(Stage.READY)
        yield LateMove(pools, TableName(schema, "t"), coordinators)


def slow() -> None:
    time.sleep(LIMIT_S + 0.1)


def lost() -> None:
    raise RetryableError("The connection was lost.")


@pytest.mark.parametrize(
    ("point", "action", "said"),
    [
        (
            Point.STREAM_BEFORE_COMMIT, slow,
            "draining → restoring: the target did not catch up within 0.5 s",
        ),
        (
            Point.VERIFY_SOURCE_READ, lost,
            "verifying → restoring: not every chunk could be verified within 0.5 s",
        ),
    ],
)  # fmt: skip
def test_it_is_tried_again_and_then_waits_for_a_person(
    move: LateMove, point: Point, action: Callable[[], None], said: str
) -> None:
    with at(point, action):
        move.write(3)  # to be applied and verified
        move.allow()
        move.coordinators.until_true(lambda: read(move.pools, move.id).postponed)
    assert move.coordinators.stage is Stage.READY
    assert move.in_place
    assert story(move.pools, move.id).count(said) == 2
    assert "postponed: the last attempt has failed, too" in story(move.pools, move.id)
    move.allow()
    Coordinators(move.pools, move.id).until(Stage.DONE)  # with as much time as others have
    assert not move.in_place
    with move.pools.begin(TARGET) as target:
        assert run(target, f"SELECT * FROM {move.table} ORDER BY id").rows == ((1,), (2,), (3,))
