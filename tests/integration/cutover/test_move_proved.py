"""Once a move is proved, one thing is left to do: tell the application where to write.

What a reader of the target could hold up, or a source that has died, comes before the proof. So
does the end of the stream.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.control.chunk_checks import require_again
from pipeline.control.migration_tables import read_tables
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point, at
from tests.conftest import Connect
from tests.support.coordinators import Coordinators
from tests.support.cut_overs import COUNTER, TRIGGER, ReadyMove, ready_move
from tests.support.moves import SOURCE, TARGET, story

_STREAM_S = 0.3  # ten times what a streamer needs to apply a row


@pytest.fixture
def counting(pools: Pools, schema: str, tmp_path: Path) -> Iterator[ReadyMove]:
    """A move that needs a counter and a trigger on its target."""
    with ready_move(pools, schema, tmp_path, trigger="NEW.v", limit_s=1.5) as move:
        move.allow()
        yield move


def test_what_is_written_to_a_retired_table_never_goes_over_what_the_application_writes(
    move: ReadyMove,
) -> None:
    """The proof ends the stream."""

    def write_late() -> None:
        with move.pools.begin(TARGET) as target:
            run(target, f"UPDATE {move.schema}.one SET v = 'new' WHERE id = 2")
        with move.pools.begin(SOURCE) as source:
            run(source, f"UPDATE {move.schema}._one_del SET v = 'late' WHERE id = 2")
        time.sleep(_STREAM_S)

    with at(Point.BEFORE_SUCCESS_HOOK, write_late):
        move.coordinators.until(Stage.DONE)
    assert move.rows(TARGET, "one")[1] == (2, "new")


@pytest.mark.parametrize("point", [Point.VERIFYING, Point.BEFORE_SUCCESS_HOOK])
def test_who_reads_the_target_for_long_never_keeps_both_sides_from_the_application(
    counting: ReadyMove, connect: Connect, point: Point
) -> None:
    """A counter or a trigger has to wait for the end of that transaction."""
    reader = connect(TARGET)

    def read() -> None:
        with reader.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {counting.schema}.one")

    def told_or_restored() -> bool:
        restored = counting.in_place and " → restoring" in story(counting.pools, counting.id)
        return restored or counting.coordinators.stage is Stage.DONE

    with at(point, read):
        counting.coordinators.until_true(told_or_restored)
    assert counting.triggers == ([] if counting.in_place else [TRIGGER])
    reader.rollback()
    if counting.in_place:
        counting.coordinators = Coordinators(counting.pools, counting.id)
        counting.coordinators.until(Stage.DONE)
    assert (counting.next_id, counting.triggers) == (COUNTER, [TRIGGER])


def test_once_it_is_proved_the_source_may_die(counting: ReadyMove) -> None:
    counting.coordinators.killed_at(Point.BEFORE_SUCCESS_HOOK)
    settings = counting.pools.settings
    gone = settings.servers[SOURCE].model_copy(update={"port": 1})
    servers = {**settings.servers, SOURCE: gone}
    alone = Pools(counting.coordinators.pools.settings.model_copy(update={"servers": servers}))
    Coordinators(alone, counting.id).until(Stage.DONE)
    alone.close()
    assert counting.hooks.writes_to == TARGET
    assert (counting.next_id, counting.triggers) == (COUNTER, [TRIGGER])


def test_a_chunk_that_is_sent_back_before_the_proof_holds_it_up(
    counting: ReadyMove,
) -> None:
    """And once it is repaired, the target has its triggers, which had to go for that."""
    fired: list[Stage] = []

    def send_back() -> None:
        stage = counting.coordinators.stage
        if stage is not Stage.VERIFYING or fired:
            return
        fired.append(stage)
        with counting.pools.begin(TARGET) as target:
            run(target, f"UPDATE {counting.schema}.two SET v = 'wrong' WHERE id = 2")
            two = read_tables(target, counting.id)[1]
            require_again(target, two, [0])

    with at(Point.DDL_NOTED, send_back):
        counting.ends_done()
    assert fired
    assert counting.triggers == [TRIGGER]
