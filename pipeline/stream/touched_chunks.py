"""Maps keys to chunks, so that the applier can mark those that it touches.

Integer and binary keys sort in Python as they do on the server, so a binary search over the
bounds finds their chunk. For all others (collations, decimals, dates) the target's server finds
it, by its own order, over bounds that have the key's type.

The open chunk may be cut in two while a batch is being gathered. The chunk map version in the
stream's row shows that: a batch that has touched the chunk which was open then also touches every
chunk that has been cut from it since.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from pipeline.control.chunk_map import NUMBER, bounds_table, last_chunk
from pipeline.domain.migration import MigrationTable
from pipeline.mysql.codecs import literal_bound
from pipeline.mysql.keyrange import at_or_above, in_slices, order
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_list
from pipeline.mysql.table import Field, ValueKind

_IN_PYTHON = frozenset({ValueKind.INTEGER, ValueKind.BINARY})
_KEYS_PER_UNION = 200  # a SELECT for each


@dataclass
class TouchedChunks:
    """The chunks of one table that the open target transaction has touched."""

    table: MigrationTable
    touched: set[int] = field(default_factory=set)
    chunk_map_version: int = -1
    open_chunk: int = 0
    _bounds: list[tuple[Any, ...]] = field(default_factory=list)

    def refresh(self, target: Connection, chunk_map_version: int) -> None:
        """Take in chunks cut since the version known so far; widen what was touched before."""
        if chunk_map_version == self.chunk_map_version:
            return
        newest = last_chunk(target, self.table)
        if self.open_chunk in self.touched:
            self.touched.update(range(self.open_chunk, newest + 1))
        self.open_chunk, self.chunk_map_version = newest, chunk_map_version
        if self._ordered_in_python:
            self._load_bounds(target)

    def add(self, target: Connection, keys: Iterable[tuple[Field, ...]]) -> None:
        """Note the chunks of `keys`."""
        if self._ordered_in_python:
            self.touched.update(self._search(key) for key in keys)
        else:
            self._ask(target, list(keys))

    @property
    def _ordered_in_python(self) -> bool:
        return all(column.kind in _IN_PYTHON for column in self.table.definition.key_columns)

    def _load_bounds(self, target: Connection) -> None:
        columns = quote_list(self.table.definition.key.columns)
        known = len(self._bounds)
        rows = run(
            target,
            f"SELECT {columns} FROM {bounds_table(self.table)}"
            f" WHERE {NUMBER} >= {known} ORDER BY {NUMBER}",
        ).rows
        self._bounds.extend(rows)

    def _search(self, key: tuple[Field, ...]) -> int:
        columns = self.table.definition.key_columns
        ordered = tuple(
            int(part or b"0") if column.kind is ValueKind.INTEGER else part
            for column, part in zip(columns, key, strict=True)
        )
        return bisect_left(self._bounds, ordered)

    def _ask(self, target: Connection, keys: list[tuple[Field, ...]]) -> None:
        for some in in_slices(keys, _KEYS_PER_UNION):
            asked = " UNION ".join(self._question(key) for key in some)
            self.touched.update(row[0] for row in run(target, asked).rows)

    def _question(self, key: tuple[Field, ...]) -> str:
        bound = literal_bound(self.table.definition, key)
        table_key = self.table.definition.key
        return (
            f"SELECT COALESCE((SELECT {NUMBER} FROM {bounds_table(self.table)}"
            f" WHERE {at_or_above(table_key, bound)} ORDER BY {order(table_key)} LIMIT 1),"
            f" {self.open_chunk})"
        )
