"""A move's cut-over that does not get through in time leaves the source its tables."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.domain.stages import Stage
from pipeline.errors import RetryableError
from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.pools import Pools
from pipeline.pausepoints import Point, at
from tests.conftest import Connect
from tests.support.coordinators import Coordinators
from tests.support.cut_overs import ready_move
from tests.support.moves import SOURCE, read, story

LIMIT_S = 0.5


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
            "verifying → restoring: the proof was not complete within 0.5 s",
        ),
    ],
    ids=["draining", "verifying"],
)  # fmt: skip
def test_it_is_tried_again_and_then_waits_for_a_person(
    pools: Pools, schema: str, tmp_path: Path, point: Point, action: Callable[[], None], said: str
) -> None:
    with ready_move(pools, schema, tmp_path, limit_s=LIMIT_S, attempts=2) as move:
        with at(point, action):
            move.write(3)  # to be applied and verified
            move.allow()
            move.coordinators.until_true(lambda: read(pools, move.id).postponed)
        assert move.coordinators.stage is Stage.READY
        assert move.in_place
        assert story(pools, move.id).count(said) == 2
        assert "postponed: the last attempt has failed, too" in story(pools, move.id)
        move.allow()
        move.coordinators = Coordinators(pools, move.id)  # with as much time as others have
        move.ends_done()


def test_a_table_that_a_transaction_holds_is_waited_for_a_few_times_and_who_holds_it_is_told(
    pools: Pools, connect: Connect, schema: str, tmp_path: Path
) -> None:
    with ready_move(pools, schema, tmp_path, lock_wait_s=1, attempts=2) as move:
        blocker = connect(SOURCE)
        with blocker.cursor() as cursor:
            cursor.execute(f"UPDATE {schema}.two SET v = 'x' WHERE id = 1")  # not committed
        move.allow()
        move.coordinators.until_true(lambda: read(pools, move.id).postponed)
        assert move.coordinators.stage is Stage.READY
        assert move.in_place
        assert story(pools, move.id).count("the rename did not happen") == 2
        with pools.begin(SOURCE) as source:
            shown = not is_mariadb(source)  # which does not show who holds a table
        held = f"held by connection {blocker.thread_id()} ("
        assert (held in story(pools, move.id)) is shown
        blocker.commit()
        move.allow()
        move.ends_done()
