"""Statements on a table's chunk map: the bounds at which one chunk ends and the next begins.

Chunk `number` holds the keys above bound `number - 1` and up to bound `number`. The last chunk is
open above, so together the chunks cover all keys at every moment. Bounds are only ever appended:
the open chunk is cut in two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, func, select

from pipeline.control.chunk_checks import is_fully_verified, void_attempt
from pipeline.control.schema import SCHEMA, chunk_checks, chunks
from pipeline.control.streams import read_stream
from pipeline.control.totals import add_verified
from pipeline.domain.chunk_state import ChunkState
from pipeline.domain.migration import MigrationTable
from pipeline.mysql.codecs import key_literals
from pipeline.mysql.keyrange import (
    Bound,
    KeyRange,
    at_or_above,
    bound_from_row,
    in_slices,
    order,
)
from pipeline.mysql.pools import lenient_sql_mode, run
from pipeline.mysql.quoting import quote_list, quote_name
from pipeline.mysql.table import Column, Key, Table, TableName, ValueKind

NUMBER = "_tranship_chunk"  # beside key columns, so no table may have it
_KEYS_PER_UNION = 200  # a SELECT for each


def bounds_table(table: MigrationTable) -> str:
    return quote_name(TableName(SCHEMA, f"bounds_{table.id}"))


def tombstones_table(table: MigrationTable) -> str:
    return quote_name(tombstones(table).name)


def touched_table(table: MigrationTable) -> str:
    return quote_name(touched_log(table).name)


def tombstones(table: MigrationTable) -> Table:
    """The definition of a table's tombstones, which hold its key."""
    key = table.definition.key
    name = TableName(SCHEMA, f"tombstones_{table.id}")
    return Table(name, table.definition.key_columns, Key("PRIMARY", key.columns))


def touched_log(table: MigrationTable) -> Table:
    """The definition of a table's touched key log: batch, place in the batch, keys."""
    batch, place, count = (
        Column(name, ValueKind.INTEGER, "bigint", "bigint", nullable=False)
        for name in ("batch", "place", "key_count")
    )
    lines = Column("key_lines", ValueKind.BINARY, "longblob", "longblob", nullable=False)
    name = TableName(SCHEMA, f"touched_{table.id}")
    return Table(name, (batch, place, count, lines), Key("PRIMARY", ("batch", "place")))


def create_key_tables(connection: Connection, table: MigrationTable) -> None:
    """Create the tables that hold keys; two have columns of the type and collation of the key's."""
    columns = quote_list(table.definition.key.columns)
    rows = f"{columns} FROM {quote_name(table.placement.key_model)} LIMIT 0"
    run(
        connection,
        f"CREATE TABLE IF NOT EXISTS {bounds_table(table)}"
        f" ({NUMBER} INT NOT NULL PRIMARY KEY, UNIQUE KEY by_key ({columns})) ENGINE=InnoDB"
        f" SELECT 0 AS {NUMBER}, {rows}",
    )
    run(
        connection,
        f"CREATE TABLE IF NOT EXISTS {tombstones_table(table)}"
        f" (PRIMARY KEY ({columns})) ENGINE=InnoDB SELECT {rows}",
    )
    run(
        connection,
        f"CREATE TABLE IF NOT EXISTS {touched_table(table)}"
        " (batch BIGINT NOT NULL, place INT NOT NULL, key_count INT NOT NULL,"
        " key_lines LONGBLOB NOT NULL, PRIMARY KEY (batch, place)) ENGINE=InnoDB",
    )


def drop_key_tables(connection: Connection, table: MigrationTable) -> None:
    tables = (bounds_table(table), tombstones_table(table), touched_table(table))
    run(connection, f"DROP TABLE IF EXISTS {', '.join(tables)}")


def delete_chunks(connection: Connection, table: MigrationTable) -> None:
    connection.execute(chunks.delete().where(chunks.c.table_id == table.id))
    connection.execute(chunk_checks.delete().where(chunk_checks.c.table_id == table.id))


def key_range(
    connection: Connection, table: MigrationTable, number: int, last: int | None = None
) -> KeyRange:
    """The keys of chunk `number`, or of all chunks from that one to `last`."""
    last = number if last is None else last
    rows = run(
        connection,
        f"SELECT {NUMBER}, {key_literals(table.definition)} FROM {bounds_table(table)}"
        f" WHERE {NUMBER} IN ({number - 1}, {last})",
    ).rows
    by_number: dict[int, Bound] = {row[0]: bound_from_row(row[1:]) for row in rows}
    return KeyRange(by_number.get(number - 1), by_number.get(last))


def create_first_chunk(connection: Connection, table: MigrationTable) -> None:
    """Create the first chunk, which is open and holds all keys, unless there is one."""
    known = connection.execute(
        select(chunks.c.number).where(chunks.c.table_id == table.id).limit(1)
    ).scalar_one_or_none()
    if known is None:
        _insert_chunks(connection, table, [0], ChunkState.PENDING)


def create_verified_chunk(connection: Connection, table: MigrationTable) -> None:
    """Create the only chunk of a table that is copied and verified: it is open, and holds all keys.

    If it ever has to be verified again, it is cut then, like an open chunk that has grown.
    """
    _insert_chunks(connection, table, [0], ChunkState.DONE, fully_verified=True)
    add_verified(connection, table, 1)


def last_chunk(connection: Connection, table: MigrationTable) -> int:
    """The number of the open chunk."""
    return int(
        connection.execute(
            select(func.max(chunks.c.number)).where(chunks.c.table_id == table.id)
        ).scalar_one()
    )


def chunks_of(connection: Connection, table: MigrationTable, keys: Sequence[Bound]) -> set[int]:
    """The chunks that hold `keys`, by the server's own order; lock the stream's row before."""
    open_chunk, found = last_chunk(connection, table), set[int]()
    key = table.definition.key
    for some in in_slices(keys, _KEYS_PER_UNION):
        asked = " UNION ".join(
            f"SELECT COALESCE((SELECT {NUMBER} FROM {bounds_table(table)}"
            f" WHERE {at_or_above(key, bound)} ORDER BY {order(key)} LIMIT 1), {open_chunk})"
            for bound in some
        )
        found.update(int(row[0]) for row in run(connection, asked).rows)
    return found


def cut_open_chunk(connection: Connection, table: MigrationTable, bounds: Sequence[Bound]) -> range:
    """End the open chunk at the first of `bounds`, and a new one at each other; the last is open.

    The stream's row is locked first, so that whoever looks up a key's chunk under that lock finds
    the right one. An attempt to verify the chunk with the bounds that it had is void.

    Returns:
        the numbers of the chunks that have ended, one for each bound.
    """
    read_stream(connection, table.migration_id, lock=True)
    first = last_chunk(connection, table)
    ended = range(first, first + len(bounds))
    columns = quote_list(table.definition.key.columns)
    rows = (f"({number}, {', '.join(bound)})" for number, bound in zip(ended, bounds, strict=True))
    with lenient_sql_mode(connection, table.definition):
        run(
            connection,
            f"INSERT INTO {bounds_table(table)} ({NUMBER}, {columns}) VALUES {', '.join(rows)}",
        )
    new = range(first + 1, ended.stop + 1)
    if table.copied:
        # Their rows belonged to the older chunk, and were verified with that, or were not.
        fully_verified = is_fully_verified(connection, table, first)
        void_attempt(connection, table, first)
        _insert_chunks(connection, table, new, ChunkState.DONE, fully_verified)
        add_verified(connection, table, len(new) * fully_verified)
    else:
        _insert_chunks(connection, table, new, ChunkState.PENDING)
    return ended


def _insert_chunks(
    connection: Connection,
    table: MigrationTable,
    numbers: Iterable[int],
    state: ChunkState,
    fully_verified: bool = False,
) -> None:
    ids = [{"table_id": table.id, "number": number} for number in numbers]
    of_chunk = {"state": state, "attempt": 0, "failures": 0}
    of_check = {"fully_verified": fully_verified, "attempt": 0, "repairs": 0, "failures": 0}
    connection.execute(chunks.insert(), [one | of_chunk for one in ids])
    connection.execute(chunk_checks.insert(), [one | of_check for one in ids])
