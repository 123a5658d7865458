"""Rows with the same value of a unique key that is new, or has only changed its type.

The shadow may hold two rows as they were at different times: what was copied is ahead of the
stream.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.checksum.verify import ChunkVerifier
from pipeline.control.chunk_checks import require_again, unverified_chunks
from pipeline.control.totals import read_totals
from pipeline.domain.stages import Stage
from pipeline.errors import RetryableError, StartOverError
from pipeline.mysql.pools import Pools, run
from tests.support.alters import SERVER, begin_alter
from tests.support.direct import DirectMove
from tests.support.moves import read

NEW = "ADD UNIQUE KEY by_v (v)"
SAME = "two rows have the same value of a new unique key: Duplicate entry 'a' for key '.*by_v'"


def started(pools: Pools, schema: str, change: str) -> DirectMove:
    """An alter of four rows, in two chunks that are not copied."""
    with pools.begin(SERVER) as server:
        run(server, f"CREATE DATABASE {schema}")
        run(server, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(9), n INT NOT NULL)")
        run(server, f"INSERT INTO {schema}.t VALUES (1,'x',1), (2,'y',2), (3,'z',3), (4,'w',4)")
    migration_id = begin_alter(pools, schema, "t", change, chunk_rows=2)
    alter = DirectMove(pools, migration_id, server=SERVER)
    alter.advance(budget_s=10)
    return alter


def write(alter: DirectMove, *values: tuple[int, str]) -> None:
    """As the application would; the stream does not know of it yet."""
    with alter.pools.begin(SERVER) as server:
        for key, value in values:
            run(server, f"UPDATE {alter.table.source} SET v = '{value}' WHERE id = {key}")


def values(alter: DirectMove) -> dict[int, str]:
    """What the shadow holds."""
    with alter.pools.begin(SERVER) as server:
        return dict(run(server, f"SELECT id, v FROM {alter.table.target}").rows)


def copy_all(alter: DirectMove) -> None:
    """Copy both chunks; from then on they are verified."""
    alter.copy_all()
    assert read(alter.pools, alter.migration_id).stage is Stage.CONVERGING


def verify_all(alter: DirectMove) -> list[int]:
    """Verify all chunks, as if the stream had everything; returns their numbers."""
    with alter.pools.begin(SERVER) as server:
        numbers = unverified_chunks(server, alter.table, 10)
    for number in numbers:
        ChunkVerifier(replace(alter.sides(), at_rest=True)).verify(number)
    return numbers


@pytest.mark.parametrize(
    "change",
    ["MODIFY id BIGINT", "DROP PRIMARY KEY, ADD UNIQUE KEY (id), ADD PRIMARY KEY (n)"],
)
def test_a_row_that_the_stream_has_brought_is_no_duplicate_of_itself(
    pools: Pools, schema: str, change: str
) -> None:
    """The chunk could not be copied however often that was tried."""
    alter = started(pools, schema, change)
    with alter.applier() as feed:
        feed.update(((b"2",), (b"2", b"newer", b"2")))
    copy_all(alter)
    assert values(alter) == {1: "x", 2: "newer", 3: "z", 4: "w"}
    with alter.pools.begin(SERVER) as server:
        assert read_totals(server, alter.table).rows_copied == 4


def test_a_value_that_moves_while_rows_are_copied_is_no_duplicate(
    pools: Pools, schema: str
) -> None:
    """The chunk has row 2 as it is; the stream comes to when row 3 had that value."""
    alter = started(pools, schema, NEW)
    write(alter, (3, "a"), (3, "b"), (2, "a"))
    alter.copy(alter.sent.chunks[0])
    with alter.applier() as feed:
        for key, value in ((b"3", b"a"), (b"3", b"b"), (b"2", b"a")):
            feed.update(((key,), (key, value, key)))
    assert values(alter) == {1: "x", 2: "a", 3: "b"}
    copy_all(alter)
    assert values(alter) == {1: "x", 2: "a", 3: "b", 4: "w"}


def test_a_row_removed_by_another_with_its_value_is_missed_and_named(
    pools: Pools, schema: str
) -> None:
    """Its chunk was verified before, and no event of it is coming."""
    alter = started(pools, schema, NEW)
    write(alter, (2, "a"))
    copy_all(alter)
    *_, last = verify_all(alter)
    with pools.begin(SERVER) as server:
        require_again(server, alter.table, [last])
    write(alter, (3, "a"))
    with alter.applier() as feed:
        feed.update(((b"3",), (b"3", b"a", b"3")))
    assert values(alter) == {1: "x", 3: "a", 4: "w"}
    with pytest.raises(RetryableError, match=SAME):
        verify_all(alter)


def test_once_all_is_verified_a_row_is_never_removed_by_another_with_its_value(
    pools: Pools, schema: str
) -> None:
    alter = started(pools, schema, NEW)
    write(alter, (2, "a"))
    copy_all(alter)
    verify_all(alter)
    refused = pytest.raises(StartOverError, match="key 3 gives two rows the same value")
    with refused, alter.applier() as feed:
        feed.update(((b"3",), (b"3", b"a", b"3")))
    assert values(alter)[2] == "a"
