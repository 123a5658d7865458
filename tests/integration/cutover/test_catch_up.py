"""What could be done before writes stop, and is not, is time in which they are refused."""

from __future__ import annotations

import threading
from pathlib import Path

from pipeline.control.migration_tables import read_tables
from pipeline.control.touched_keys import begin_keys, count_touched, unsend_keys
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point, at
from tests.support.cut_overs import TABLES, ReadyMove, ready_move
from tests.support.moves import SOURCE, TARGET, read, wait_until

MANY = 1000


def touched(move: ReadyMove) -> int:
    with move.pools.begin(TARGET) as control:
        return sum(count_touched(control, table) for table in read_tables(control, move.id))


def test_what_was_touched_is_verified_before_writes_are_refused(move: ReadyMove) -> None:
    """With a log as long as `converged_keys` the verification took a second of the window."""

    def write() -> None:  # when the workers begin no verification any more
        values = ", ".join(f"({number}, 'y')" for number in range(3, MANY))
        with move.pools.begin(SOURCE) as source:
            for name in TABLES:
                run(source, f"REPLACE INTO {move.schema}.{name} VALUES {values}")
        wait_until(lambda: touched(move) > MANY, "the rows are not applied")

    left: list[int] = []
    with at(Point.INTENT_WRITTEN, write), at(Point.RENAMED, lambda: left.append(touched(move))):
        move.coordinators.until(Stage.DONE)
    assert left == [0]


def test_a_worker_that_is_verifying_is_waited_for_before_the_rename(
    pools: Pools, schema: str, tmp_path: Path
) -> None:
    """Its snapshot holds the table, and the rename that waits for it holds up every write."""
    with ready_move(pools, schema, tmp_path) as move:
        with pools.begin(TARGET) as control:
            table = read_tables(control, move.id)[0]
            begin_keys(control, table)
        renamed = threading.Event()
        with at(Point.RENAMED, renamed.set):
            move.allow()
            cutting_over = threading.Thread(target=move.coordinators.until, args=(Stage.DONE,))
            cutting_over.start()
            wait_until(lambda: read(pools, move.id).stage is Stage.BLOCKING, "it does not begin")
            assert not renamed.wait(0.2)
            move.write(3)  # refused by nobody
            with pools.begin(TARGET) as control:
                unsend_keys(control, table)
            cutting_over.join(10)
        assert renamed.is_set()
        move.ends_done()
