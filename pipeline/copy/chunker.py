"""Cuts a table into chunks, one bound at a time, ahead of the copy.

The next bound is the key `n` rows above the last one, found on the source with an index-only
read. `n` follows the cost of the latest chunks, so that each takes about the configured time and
bytes: wide rows get small chunks, narrow rows large ones. Bounds are planned as the window
empties, not all at once, so memory and the load on the control schema do not depend on the size
of the table. New rows above the last bound are covered too, since the last chunk is open above.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat

from sqlalchemy import Connection

from pipeline.configuration.settings import Copy
from pipeline.control.chunk_map import cut_open_chunk, key_range, last_chunk
from pipeline.control.chunks import CopyPace
from pipeline.domain.migration import MigrationTable
from pipeline.mysql.codecs import key_literals
from pipeline.mysql.keyrange import Bound, KeyRange, above, bound_from_row, order, rows_by_key
from pipeline.mysql.pools import run
from pipeline.mysql.table import TableName

SMALLEST_CHUNK = 100
_FEW_ROWS, _FEW_CHUNKS = 2_500, 4


def next_bound(
    source: Connection, table: MigrationTable, name: TableName, lower: Bound | None, rows: int
) -> Bound | None:
    """The key `rows` rows above `lower`, if at least one more row follows it.

    Returns:
        None if the table ends before that: the rest belongs to the open chunk.
    """
    definition = table.definition
    where = above(definition.key, lower) if lower is not None else "TRUE"
    found = run(
        source,
        f"SELECT {key_literals(definition)} FROM {rows_by_key(name, definition.key, where)}"
        f" ORDER BY {order(definition.key)} LIMIT 2 OFFSET {rows - 1}",
    ).rows
    return bound_from_row(found[0]) if len(found) == 2 else None


def next_bounds(
    source: Connection,
    table: MigrationTable,
    name: TableName,
    lower: Bound | None,
    sizes: Iterable[int],
) -> Iterator[Bound]:
    """Each bound that follows `lower`, so many rows above the one before, to the table's end."""
    for rows in sizes:
        if (lower := next_bound(source, table, name, lower, rows)) is None:
            return
        yield lower


def chunk_sizes(lower: Bound | None, rows: int) -> Iterator[int]:
    """How many rows each chunk above `lower` should have: the first ones of a table only a few.

    All workers begin at once then, so a first chunk takes several times as long as a later one;
    and until it is there, nobody sees the move do anything, nor is anything known of the rows.
    """
    if lower is None:
        yield from repeat(min(rows, _FEW_ROWS), _FEW_CHUNKS)
    yield from repeat(rows)


def first_chunk_rows(wanted: Copy, rows: int, size: int) -> int:
    """How many rows the first chunk should have; `rows` and `size` are the server's estimates.

    Until it is copied nothing else is known, and ten thousand blobs fit in no worker's memory.
    """
    if rows == 0 or size <= wanted.chunk_bytes:
        return wanted.chunk_rows
    return max(1, min(wanted.chunk_rows, wanted.chunk_bytes * rows // size))


def next_chunk_rows(rows: int, pace: CopyPace, wanted: Copy) -> int:
    """How many rows the next chunk should have, where the last ones had `rows`.

    The size changes by at most a factor of two at a time, so that one odd chunk does not upset
    it.
    """
    if pace.rows == 0:
        return rows
    by_bytes = wanted.chunk_bytes / max(1.0, pace.bytes / pace.rows)
    by_time = wanted.chunk_s / max(1e-9, pace.seconds / pace.rows)
    ideal = min(by_bytes, by_time, wanted.chunk_rows_max)
    bounded = min(max(ideal, rows / 2), rows * 2)
    # Few rows that are wide are work enough.
    return max(1, round(min(SMALLEST_CHUNK, by_bytes)), round(bounded))


def plan_chunk(
    source: Connection, target: Connection, table: MigrationTable, name: TableName, rows: int
) -> int | None:
    """Cut a chunk of `rows` rows off the table's open chunk; its rows are under `name` now.

    Returns:
        its number, or None: the table ends before, and only the open chunk is left.
    """
    open_chunk: KeyRange = key_range(target, table, last_chunk(target, table))
    bound = next_bound(source, table, name, open_chunk.lower, rows)
    return None if bound is None else cut_open_chunk(target, table, [bound])[0]
