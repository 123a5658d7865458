"""The stream comes first: where it lags, one chunk at a time is copied, and never none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.control.throttles import ThrottleState, read_throttle
from pipeline.mysql.pools import Pools, run
from tests.support.direct import DirectMove
from tests.support.moves import SOURCE, TARGET, story
from tests.support.verification import drained, on_source


@pytest.fixture
def move(pools: Pools, schema: str) -> Iterator[DirectMove]:
    """A move of 2,000 rows with two chunks in flight; its coordinator assesses at each step."""
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
        ids = ", ".join(f"({number})" for number in range(2000))
        run(source, f"INSERT INTO {schema}.t VALUES {ids}")
    throttle = pools.settings.throttle.model_copy(update={"check_s": 1e-6, "yield_lag_s": 1e-6})
    row_copy = pools.settings.row_copy.model_copy(update={"window": 2})
    changed = {"throttle": throttle, "row_copy": row_copy}
    eager = Pools(pools.settings.model_copy(update=changed))
    yield DirectMove.of(eager, schema, "t", chunk_rows=100)
    eager.close()


def throttle_of(move: DirectMove) -> ThrottleState:
    with move.pools.begin(TARGET) as control:
        return read_throttle(control, move.migration_id)


def sent_next(move: DirectMove) -> list[int]:
    """What the coordinator sends once everything sent before is copied."""
    for number in move.sent.chunks:
        move.copy(number)
    move.sent.chunks = []
    move.advance()
    return move.sent.chunks


def test_without_a_streamer_one_chunk_at_a_time_is_copied_and_never_none(move: DirectMove) -> None:
    drained(move)
    assert len(sent_next(move)) == 2
    on_source(move, "INSERT INTO {t} VALUES (9999)")
    assert len(sent_next(move)) == 1
    assert len(sent_next(move)) == 1
    assert throttle_of(move).slowed
    assert story(move.pools, move.migration_id).count("slowed down") == 1


def test_an_idle_source_has_no_lag_however_old_its_last_transaction_is(move: DirectMove) -> None:
    sent_next(move)
    drained(move)
    with move.pools.begin(TARGET) as control:
        run(control, "UPDATE tranship.streams SET source_time = source_time - 3600")
    sent_next(move)
    state = throttle_of(move)
    assert state.slowed is False
    assert state.caught_up_at is not None
