"""A source that is no longer what was followed: it is asked before a cut-over, and in the proof.

Restored from a backup, failed over to another server, or restarted although it may lose what it has
committed: then the transactions that were applied may not be those that it has.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.control.streams import read_stream
from pipeline.domain.stages import Stage
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.pools import Pools, run
from pipeline.pausepoints import Point, at
from pipeline.step import source as asked
from tests.support.cut_overs import ReadyAlter, ReadyMove, ready_move
from tests.support.moves import SOURCE, TARGET, read, story, wait_until
from tests.support.once import once

LOST = "11111111-1111-1111-1111-111111111111:1-5"


@pytest.fixture(autouse=True)
def _asked_shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "EXECUTED_LIMIT_S", 0.1)


def note(pools: Pools, migration_id: str, column: str, value: str) -> None:
    where = f"migration_id = '{migration_id}'"
    with pools.begin(TARGET) as control:
        run(control, f"UPDATE tranship.streams SET {column} = '{value}' WHERE {where}")


def note_lost(move: ReadyMove) -> None:
    """Say that transactions were applied which the source has not."""
    with move.pools.begin(SOURCE) as source:
        note(move.pools, move.id, "position", f"{executed_gtids(source)},{LOST}")


def is_drained(move: ReadyMove) -> bool:
    with move.pools.begin(SOURCE) as source:
        executed = executed_gtids(source)
    with move.pools.begin(TARGET) as control:
        return read_stream(control, move.id).position.contains(executed)


def test_what_the_source_has_lost_is_found_before_its_tables_are_renamed(move: ReadyMove) -> None:
    wait_until(lambda: is_drained(move), "the target to have everything")
    note_lost(move)
    move.coordinators.until(Stage.FAILED)
    assert "has lost transactions" in str(read(move.pools, move.id).failure)
    assert " → blocking" not in story(move.pools, move.id)
    assert move.in_place


def test_what_the_source_has_lost_since_is_found_in_the_proof(move: ReadyMove) -> None:
    with at(Point.VERIFYING, lambda: note_lost(move)):
        move.coordinators.until(Stage.FAILED)
    assert "has lost transactions" in str(read(move.pools, move.id).failure)
    assert move.in_place
    assert move.hooks.attempts("on-success") == []


def test_no_cut_over_begins_while_the_stream_follows_another_server(move: ReadyMove) -> None:
    note(move.pools, move.id, "source_identity", "another")
    move.coordinators.once()
    assert read(move.pools, move.id).attempt == 0
    assert move.in_place


def test_a_stream_that_follows_another_server_begins_again(move: ReadyMove) -> None:
    """Its connection may last, to a server that the name no longer leads to."""
    note(move.pools, move.id, "source_identity", "another")
    move.coordinators.until(Stage.DONE)
    told = story(move.pools, move.id)
    again = told.index("another server now")
    assert again < told.index("→ blocking")


def test_a_server_that_has_changed_since_the_rename_is_no_proof(
    pools: Pools, schema: str, tmp_path: Path
) -> None:
    with ready_move(pools, schema, tmp_path, limit_s=0.5, attempts=1) as move:
        move.allow()
        another = once(lambda: note(pools, move.id, "source_identity", "another"))
        with at(Point.VERIFYING, another):
            move.coordinators.until_true(lambda: read(pools, move.id).postponed)
        assert "the proof was not complete within 0.5 s" in story(pools, move.id)
        assert move.in_place
        assert move.hooks.attempts("on-success") == []


def test_an_alter_asks_again_once_the_connections_of_its_swap_are_open(alter: ReadyAlter) -> None:
    """From then on a restart ends those."""
    done: list[bool] = []

    def another() -> None:
        note(alter.pools, alter.id, "source_identity", "another")
        done.append(True)

    with at(Point.DDL_NOTED, another):
        alter.coordinators.until_true(lambda: bool(done))
    assert read(alter.pools, alter.id).attempt == 0
