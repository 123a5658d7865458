"""Statements on the pieces of a table's key space: where one ends and the next begins.

Chunks and ranges share their bounds: piece `no` holds the keys above bound `no - 1` and up
to bound `no`. The last piece is open above, so together they cover the whole key space at
every moment. Bounds are only ever appended: the open piece is cut in two.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update

from pipeline.control.chunk_checks import touch
from pipeline.control.chunks import ChunkState
from pipeline.control.schema import SCHEMA, chunks, ranges, streams
from pipeline.domain.migration import Moved
from pipeline.mysql.codecs import literal_expression
from pipeline.mysql.keyrange import Bound, KeyRange, bound_from_row
from pipeline.mysql.pools import leniency, run
from pipeline.mysql.quoting import quote_list, quote_name
from pipeline.mysql.table import TableName

NUMBER = "_tranship_piece"  # no key column of a moved table has these names
BATCH = "_tranship_batch"


def bounds_table(moved: Moved) -> str:
    return quote_name(TableName(SCHEMA, f"bounds_{moved.id}"))


def tombstones_table(moved: Moved) -> str:
    return quote_name(TableName(SCHEMA, f"tombstones_{moved.id}"))


def touched_table(moved: Moved) -> str:
    return quote_name(TableName(SCHEMA, f"touched_{moved.id}"))


def create_key_tables(connection: Connection, moved: Moved) -> None:
    """The three tables whose key columns are typed and collated as the moved table's are."""
    columns = quote_list(moved.table.key.columns)
    # Of an alter the original is here, and its key is what they are about.
    like = moved.target if moved.rebuild is None else moved.source
    rows = f"{columns} FROM {quote_name(like)} LIMIT 0"
    run(
        connection,
        f"CREATE TABLE IF NOT EXISTS {bounds_table(moved)}"
        f" ({NUMBER} INT NOT NULL PRIMARY KEY, UNIQUE KEY by_key ({columns})) ENGINE=InnoDB"
        f" SELECT 0 AS {NUMBER}, {rows}",
    )
    run(
        connection,
        f"CREATE TABLE IF NOT EXISTS {tombstones_table(moved)}"
        f" (PRIMARY KEY ({columns})) ENGINE=InnoDB SELECT {rows}",
    )
    run(
        connection,
        f"CREATE TABLE IF NOT EXISTS {touched_table(moved)}"
        f" ({BATCH} BIGINT NOT NULL, PRIMARY KEY ({columns})) ENGINE=InnoDB"
        f" SELECT 0 AS {BATCH}, {rows}",
    )


def drop_key_tables(connection: Connection, moved: Moved) -> None:
    tables = (bounds_table(moved), tombstones_table(moved), touched_table(moved))
    run(connection, f"DROP TABLE IF EXISTS {', '.join(tables)}")


def delete_pieces(connection: Connection, moved: Moved) -> None:
    connection.execute(chunks.delete().where(chunks.c.moved_id == moved.id))
    connection.execute(ranges.delete().where(ranges.c.moved_id == moved.id))


def key_range(connection: Connection, moved: Moved, no: int) -> KeyRange:
    """The keys of piece `no`."""
    literals = ", ".join(literal_expression(column) for column in moved.table.key_columns)
    rows = run(
        connection,
        f"SELECT {NUMBER}, {literals} FROM {bounds_table(moved)}"
        f" WHERE {NUMBER} IN ({no - 1}, {no})",
    ).rows
    by_number: dict[int, Bound] = {row[0]: bound_from_row(row[1:]) for row in rows}
    return KeyRange(by_number.get(no - 1), by_number.get(no))


def first_piece(connection: Connection, moved: Moved) -> None:
    """The whole key space as one open piece; once."""
    known = connection.execute(
        select(chunks.c.no).where(chunks.c.moved_id == moved.id).limit(1)
    ).scalar_one_or_none()
    if known is None:
        _insert_piece(connection, moved, 0, ChunkState.PENDING)


def last_piece(connection: Connection, moved: Moved) -> int:
    """The number of the open piece."""
    return int(
        connection.execute(
            select(func.max(chunks.c.no)).where(chunks.c.moved_id == moved.id)
        ).scalar_one()
    )


def cut_open_piece(connection: Connection, moved: Moved, bound: Bound) -> int:
    """End the open piece at `bound` and open a new one above it; its number.

    The stream's row is locked first and its layout number raised: an applier that mapped
    keys by the older layout finds out before it commits, and touches the new piece too.
    """
    connection.execute(
        update(streams)
        .where(streams.c.migration_id == moved.migration_id)
        .values(layout=streams.c.layout + 1)
    )
    no = last_piece(connection, moved)
    columns = quote_list(moved.table.key.columns)
    with leniency(connection, moved.table):
        run(
            connection,
            f"INSERT INTO {bounds_table(moved)} ({NUMBER}, {columns})"
            f" VALUES ({no}, {', '.join(bound)})",
        )
    if moved.copied:
        # Its rows came with the older piece, and were verified with it, or were not.
        whole = bool(
            connection.execute(
                select(ranges.c.whole).where(ranges.c.moved_id == moved.id, ranges.c.no == no)
            ).scalar_one()
        )
        _insert_piece(connection, moved, no + 1, ChunkState.DONE, whole, moved.chunk_rows)
        touch(connection, moved, (no, no + 1))
    else:
        _insert_piece(connection, moved, no + 1, ChunkState.PENDING)
    return no


def _insert_piece(
    connection: Connection,
    moved: Moved,
    no: int,
    state: ChunkState,
    whole: bool = False,
    rows: int = 0,
) -> None:
    connection.execute(chunks.insert().values(moved_id=moved.id, no=no, state=state, attempt=0))
    connection.execute(
        ranges.insert().values(
            moved_id=moved.id, no=no, touched=0, whole=whole, looks=0, rows=rows, repairs=0
        )
    )
