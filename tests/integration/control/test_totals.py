"""Totals are changed with what they count: `status` would be wrong for good otherwise."""

from __future__ import annotations

import pytest

from pipeline.checksum.verify import Verdict
from pipeline.control.chunk_checks import require_again
from pipeline.control.totals import Totals, read_totals
from pipeline.copy.chunker import plan_chunk
from pipeline.mysql.pools import Pools, run
from tests.support.direct import DirectMove
from tests.support.moves import SOURCE, TARGET
from tests.support.verification import drained, on_source, unverified


@pytest.fixture
def move(pools: Pools, schema: str) -> DirectMove:
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY)")
        ids = ", ".join(f"({number})" for number in range(300))
        run(source, f"INSERT INTO {schema}.t VALUES {ids}")
    move = DirectMove.of(pools, schema, "t", chunk_rows=100)
    move.copy_all()
    drained(move)
    return move


def totals(move: DirectMove) -> Totals:
    with move.pools.begin(TARGET) as control:
        return read_totals(control, move.table)


def added_up(move: DirectMove) -> Totals:
    of = f"WHERE table_id = {move.table.id}"
    with move.pools.begin(TARGET) as control:
        (copied,) = run(control, f"SELECT SUM(`rows`), SUM(bytes) FROM tranship.chunks {of}").rows
        checks = run(control, f"SELECT SUM(fully_verified) FROM tranship.chunk_checks {of}").rows
    return Totals(int(copied[0]), int(copied[1]), int(checks[0][0]))


def test_totals_are_what_the_chunks_add_up_to(move: DirectMove) -> None:
    assert totals(move) == added_up(move)
    assert totals(move).rows_copied == 300
    for number in unverified(move):
        assert move.verify(number) is Verdict.VERIFIED
    assert totals(move) == added_up(move)
    assert totals(move).chunks_verified == 3


def test_a_chunk_that_has_to_be_verified_again_is_not_counted_twice(move: DirectMove) -> None:
    assert move.verify(1) is Verdict.VERIFIED
    for numbers in ([1, 2], [1, 2]):  # one of them was verified, then none
        with move.pools.begin(TARGET) as control:
            require_again(control, move.table, numbers)
        assert totals(move) == added_up(move)
    assert move.verify(1) is Verdict.VERIFIED
    assert totals(move).chunks_verified == 1


def test_an_open_chunk_that_is_cut_is_counted_as_what_it_was(move: DirectMove) -> None:
    (open_chunk,) = unverified(move)[-1:]
    assert move.verify(open_chunk) is Verdict.VERIFIED
    on_source(move, "INSERT INTO {t} SELECT id + 1000 FROM {t}")
    with move.pools.begin(SOURCE) as source, move.pools.begin(TARGET) as control:
        assert plan_chunk(source, control, move.table, move.table.source, 100) is not None
    assert totals(move) == added_up(move)
    assert totals(move).chunks_verified == 2
