"""Clean-up drops what its own migration has left behind, whatever has that name by then."""

from __future__ import annotations

import pytest

from pipeline.commands import control
from pipeline.commands.clean_up import clean_up
from pipeline.domain.stages import Stage
from pipeline.errors import RefusedError
from pipeline.mysql.pools import run
from tests.support.cut_overs import ReadyMove
from tests.support.moves import SOURCE, TARGET


def test_a_later_table_of_the_retired_name_is_never_dropped(move: ReadyMove) -> None:
    move.ends_done()
    with move.pools.begin(SOURCE) as source:
        run(source, f"DROP TABLE {move.schema}._two_del")
        run(source, f"CREATE TABLE {move.schema}._two_del (id INT PRIMARY KEY)")
    with pytest.raises(RefusedError, match="_two_del on old is not the table"):
        clean_up(move.pools, TARGET, move.id, "test")
    assert move.source_tables == ["_one_del", "_two_del"]
    with move.pools.begin(SOURCE) as source:
        run(source, f"DROP TABLE {move.schema}._two_del")
    assert clean_up(move.pools, TARGET, move.id, "test") == [f"{move.schema}._one_del on old"]
    assert move.source_tables == []


def test_a_later_table_of_the_targets_name_is_never_dropped(move: ReadyMove) -> None:
    control.abort(move.pools, TARGET, move.id, "test")
    move.ends_as_it_began(Stage.ABORTED)
    with move.pools.begin(TARGET) as target:
        run(target, f"DROP TABLE {move.schema}.one")
        run(target, f"CREATE TABLE {move.schema}.one (id INT PRIMARY KEY)")
    with pytest.raises(RefusedError, match="one on new is not the table"):
        clean_up(move.pools, TARGET, move.id, "test")
    assert move.rows(TARGET, "one") == []
