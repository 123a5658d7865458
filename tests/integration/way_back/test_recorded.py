"""The way back begins where the proof was, however late it is recorded, and is recorded once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.control.migrations import change_request
from pipeline.control.streams import read_stream
from pipeline.cutover import way_back as recording
from pipeline.domain.request import MigrationKind, move_request
from pipeline.domain.stages import Stage
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point, at
from tests.support.coordinators import Coordinators
from tests.support.cut_overs import TABLES, ready_move
from tests.support.moves import SOURCE, TARGET, read, story
from tests.support.selection import some
from tests.support.way_backs import Round

WRITTEN = [[(1, "w"), (3, "y"), (9, "w")]] * 2
SWITCHED = (
    Point.BEFORE_SUCCESS_HOOK,
    Point.DURING_SUCCESS_HOOK,
    Point.AFTER_SUCCESS_HOOK,
    Point.WAY_BACK_RECORDED,
)


def test_it_stands_open_with_nothing_to_copy_or_to_verify(there: Round) -> None:
    way = there.go()
    found = there.read(way)
    assert (found.stage, found.postponed) == (Stage.READY, True)
    assert [str(table.source) for table in there.read_tables(way)] == [
        f"{there.forward.schema}.{name}" for name in ("one", "two")
    ]
    assert all(table.planned and table.copied for table in there.read_tables(way))
    with there.pools.begin(SOURCE) as control:
        assert read_stream(control, way.migration_id).logs_keys, "its writes would not be verified"
    assert there.forward.coordinators.stage is Stage.DONE


def test_what_the_hook_itself_writes_is_in_it(there: Round) -> None:
    """The first write that the hook lets through comes before the way back is recorded."""
    there.forward.allow()
    with at(Point.DURING_SUCCESS_HOOK, lambda: there.write(TARGET, 9)):
        there.forward.coordinators.until(Stage.DONE)
    there.take(there.followed(there.way_back))
    assert there.rows(SOURCE) == WRITTEN


@pytest.mark.parametrize(
    "point", some(SWITCHED, Point.DURING_SUCCESS_HOOK, Point.WAY_BACK_RECORDED)
)
def test_what_is_written_after_a_kill_is_in_it(there: Round, point: Point) -> None:
    there.forward.allow()
    there.forward.coordinators.killed_at(point)
    there.write(TARGET, 9)
    there.take(there.gone())
    assert there.rows(SOURCE) == WRITTEN
    assert there.story(there.way_back).count("created") == 1
    assert "there is none" not in there.story(there.forward.coordinators)


def test_one_that_is_asked_for_during_the_cut_over_does_not_hold_the_move(
    pools: Pools, schema: str, tmp_path: Path
) -> None:
    with ready_move(pools, schema, tmp_path) as move:

        def ask() -> None:
            request = replace(move_request(read(pools, move.id).request), way_back_s=3600)
            with pools.begin(TARGET) as control:
                change_request(control, move.id, request)

        move.allow()
        with at(Point.RENAMED, ask):
            move.coordinators.until(Stage.DONE)
        assert "asked for when the cut-over had begun" in story(pools, move.id)


def test_old_tables_that_are_rebuilt_between_two_attempts_are_filled_all_the_same(
    there: Round,
) -> None:
    there.hooks.fail("before-cut-over")
    there.forward.allow()
    there.forward.coordinators.until_true(lambda: read(there.pools, there.forward.id).postponed)
    there.hooks.fail("before-cut-over", yes=False)
    with there.pools.begin(SOURCE) as source:
        run(source, f"OPTIMIZE NO_WRITE_TO_BINLOG TABLE {there.forward.schema}.one")
    way = there.go()
    there.take(way)
    assert there.tables(SOURCE) == list(TABLES)


def test_what_others_write_to_the_old_tables_is_named_and_repaired(there: Round) -> None:
    way = there.go()
    with there.pools.begin(SOURCE) as source:
        run(source, f"UPDATE {there.forward.schema}._one_del SET v = 'theirs' WHERE id = 3")
    there.take(way)
    assert there.rows(SOURCE)[0] == there.rows(TARGET, retired=True)[0]
    assert "_one_del at the keys 3" in there.story(way)


@contextmanager
def source_away(pools: Pools) -> Iterator[Pools]:
    """The same servers, of which the source does not answer."""
    server = pools.settings.servers[SOURCE].model_copy(update={"port": 1})
    servers = {**pools.settings.servers, SOURCE: server}
    away = Pools(pools.settings.model_copy(update={"servers": servers}))
    yield away
    away.close()


def test_a_source_that_is_away_delays_the_way_back_and_not_the_application(there: Round) -> None:
    there.forward.allow()
    there.forward.coordinators.killed_at(Point.BEFORE_SUCCESS_HOOK)
    with source_away(there.way_back.pools) as away:
        late = Coordinators(away, there.forward.id)
        late.until_true(lambda: there.hooks.writes_to == TARGET)
        late.once()
        assert late.stage is Stage.SWITCHING
    there.write(TARGET, 9)
    there.take(there.gone())
    assert there.rows(SOURCE) == WRITTEN
    assert there.hooks.attempts("on-success") == [1, 1]  # there and back


def test_a_source_that_stays_away_costs_the_way_back_and_nothing_else(
    there: Round, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(recording._LIMIT_S, MigrationKind.MOVE, -1)
    there.forward.allow()
    there.forward.coordinators.killed_at(Point.BEFORE_SUCCESS_HOOK)
    with source_away(there.way_back.pools) as away:
        Coordinators(away, there.forward.id).until(Stage.DONE)
    assert read(there.pools, there.forward.id).cleaned_at is None
    assert "there is none" in there.story(there.forward.coordinators)
