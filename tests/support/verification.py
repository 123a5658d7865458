"""Changes of either side, and what is left to verify: for tests of one race at a time."""

from __future__ import annotations

from pipeline.control.chunk_checks import unverified_chunks
from pipeline.control.touched_keys import count_touched
from pipeline.mysql.flavours import executed_gtids
from pipeline.mysql.pools import Pools, run
from tests.support.direct import DirectMove, Feed, rows_of
from tests.support.moves import SOURCE, TARGET


def move_of_thirty(pools: Pools, schema: str, chunk_rows: int) -> DirectMove:
    """A move of a table of thirty rows, on to its copy."""
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, v VARCHAR(20), n INT)")
        values = ", ".join(f"({number}, 'N', {number})" for number in range(1, 31))
        run(source, f"INSERT INTO {schema}.t VALUES {values}")
    return DirectMove.of(pools, schema, "t", chunk_rows=chunk_rows)


def on_target(move: DirectMove, change: str) -> None:
    with move.pools.begin(TARGET) as target:
        run(target, change.format(t=move.table.target))


def unverified(move: DirectMove) -> list[int]:
    with move.pools.begin(TARGET) as control:
        return unverified_chunks(control, move.table, 100)


def touched(move: DirectMove) -> int:
    with move.pools.begin(TARGET) as control:
        return count_touched(control, move.table)


def drained(move: DirectMove) -> None:
    """Say that the position has everything (nothing has been written to the table since)."""
    with move.pools.begin(SOURCE) as source:
        executed = executed_gtids(source)
    with move.pools.begin(TARGET) as control:
        run(control, f"UPDATE tranship.streams SET position = '{executed}'")


def on_source(move: DirectMove, change: str) -> None:
    with move.pools.begin(SOURCE) as source:
        run(source, change.format(t=move.table.source))


def write_both(move: DirectMove, feed: Feed, number: int, text: str) -> None:
    """A change of the source that the stream brings at once."""
    on_source(move, f"UPDATE {{t}} SET v = '{text}' WHERE id = {number}")
    key = str(number).encode()
    feed.update(((key,), (key, text.encode(), key)))
    drained(move)


def given_up(move: DirectMove) -> None:
    """Say that nobody has renewed the attempts on the chunks for an hour."""
    with move.pools.begin(TARGET) as control:
        run(
            control,
            "UPDATE tranship.chunk_checks SET sent_at = sent_at - INTERVAL 1 HOUR"
            f" WHERE table_id = {move.table.id}",
        )


def equal(move: DirectMove) -> bool:
    table = move.table.definition
    return rows_of(move.pools, TARGET, table) == rows_of(move.pools, SOURCE, table)
