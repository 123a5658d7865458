"""How keys are written to the touched key log, many in a row, and how they are read back.

A row of the log holds the keys of a batch as lines. A row for each key was a sixth of what applying
costs the target's server; this is a fiftieth. Whoever reads them has them in a temporary table with
the columns of the key: lines that differ may be one key by collation, and only the server knows
that, or which keys are in a range.

Guarantee: every key once, as the server tells keys apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection

from pipeline.control.chunk_map import tombstones
from pipeline.control.schema import SCHEMA
from pipeline.control.touched_keys import KeyLines
from pipeline.domain.migration import MigrationTable
from pipeline.mysql.codecs import escape, key_literals
from pipeline.mysql.keyrange import Bound, KeyRange, bound_from_row, in_slices, order, same_key
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.table import TableName
from pipeline.mysql.temporary import drop_temporary, empty, temporary_like
from pipeline.rows.write_lines import write_lines

_KEYS_IN_A_ROW = 500
_LONG_KEY = 100  # bytes; of such keys a row has few, so that it is a small part of any packet
_LONG_KEYS_IN_A_ROW = 20
_KEPT = 1000  # rows that a temporary table may still have when it is used again


def packed(keys: Sequence[bytes], batch: int, place: int) -> bytes:
    """Lines for the log: the keys of `batch` from `place` on. Each key is a line by itself."""
    parts = []
    longest = max(map(len, keys), default=0)
    for some in in_slices(keys, _KEYS_IN_A_ROW if longest <= _LONG_KEY else _LONG_KEYS_IN_A_ROW):
        parts.append(b"%d\t%d\t%d\t%b\n" % (batch, place, len(some), escape(b"\n".join(some))))
        place += len(some)
    return b"".join(parts)


def keys_of(connection: Connection, table: MigrationTable, lines: KeyLines) -> list[Bound]:
    """The keys that `lines` stand for."""
    with _unpacked(connection, table, "touched", lines) as name:
        return _keys(connection, table, name)


def keys_in_range(
    connection: Connection, table: MigrationTable, lines: KeyLines, keys: KeyRange, most: int
) -> list[Bound]:
    """Up to `most` of the keys that `lines` stand for, of those in `keys`."""
    if not lines:
        return []
    condition, limit = keys.condition(table.definition.key), f" LIMIT {most}"
    with _unpacked(connection, table, "touched", lines) as name:
        return _keys(connection, table, name, condition, limit)


def keys_in_ranges(
    connection: Connection, table: MigrationTable, lines: KeyLines, ranges: Sequence[KeyRange]
) -> list[list[Bound]]:
    """For each of `ranges`, the keys in it, of those that `lines` stand for."""
    if not lines:
        return [[] for _ in ranges]
    conditions = [keys.condition(table.definition.key) for keys in ranges]
    with _unpacked(connection, table, "touched", lines) as name:
        return [_keys(connection, table, name, condition) for condition in conditions]


def keys_in_both(
    connection: Connection, table: MigrationTable, lines: KeyLines, later: KeyLines
) -> list[Bound]:
    """The keys that `lines` and `later` both stand for."""
    if not later:
        return []
    with (
        _unpacked(connection, table, "touched", lines) as name,
        _unpacked(connection, table, "later", later) as other,
    ):
        same = same_key(tombstones(table), quote_name(name), "later")
        found = f"EXISTS (SELECT 1 FROM {quote_name(other)} later WHERE {same})"
        return _keys(connection, table, name, found)


@contextmanager
def _unpacked(
    connection: Connection, table: MigrationTable, kind: str, lines: KeyLines
) -> Iterator[TableName]:
    """A temporary table with the keys; one that has many is dropped, since emptying it is work."""
    like = tombstones(table)
    # Not by the table's number alone, which another control schema may have given out, too.
    name = TableName(SCHEMA, f"{kind}_{table.migration_id}_{table.ordinal}")
    temporary_like(connection, name, like.name)
    empty(connection, name)
    data = b"".join(line + b"\n" for line in lines)
    write_lines(connection, replace(like, name=name), name, data, replace=True)
    yield name
    if len(lines) > _KEPT:
        drop_temporary(connection, name)


def _keys(
    connection: Connection, table: MigrationTable, name: TableName,
    condition: str = "TRUE", limit: str = "",
) -> list[Bound]:  # fmt: skip
    rows = run(
        connection,
        f"SELECT {key_literals(table.definition)} FROM {quote_name(name)} WHERE {condition}"
        f" ORDER BY {order(table.definition.key)}{limit}",
    ).rows
    return [bound_from_row(row) for row in rows]
