"""Gathers row changes of a table and writes them, many rows in each statement.

Changes are coalesced by key: the last image wins. They are written in this order, so that
keys which are equal only by collation (`a` deleted, `A` inserted) come out right and no
chunk in flight can bring a deleted row back (copy/chunk.py):

    tombstones of deleted keys, deletes, tombstones of replaced keys removed, replaces

and last the keys themselves, with the number of the batch, for the verification.

Rows are replaced with the full after-image, not updated: a unique value may move between rows in
one transaction, and every row in its way has to go first. A row that is removed in this way was
changed on the source, too, so its own event is coming.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection

from pipeline.control.chunk_map import BATCH, tombstones_table, touched_table
from pipeline.domain.migration import MigrationTable
from pipeline.mysql.codecs import line, literal_bound
from pipeline.mysql.keyrange import Bound, in_slices, is_one_of
from pipeline.mysql.pools import lenient_sql_mode, run
from pipeline.mysql.quoting import quote_list, quote_name
from pipeline.mysql.table import Field, Table
from pipeline.strategy.choice import strategy_of
from pipeline.stream.events import Row, RowsChange

KeyFields = tuple[Field, ...]
_KEYS_PER_WRITE = 1000


@dataclass
class TableBatch:
    """Coalesced changes of one table, not yet written."""

    table: MigrationTable
    tombstones: bool
    rows: dict[KeyFields, Row | None] = field(default_factory=dict)
    key_of: Callable[[Row], KeyFields] = field(init=False)

    def __post_init__(self) -> None:
        self.key_of = key_getter(self.table)

    def add(self, change: RowsChange) -> None:
        """Take in one rows event: deleted and old keys first, then new images."""
        if change.before is None:
            self._add_images(change.after or ())
        elif change.after is None:
            self.rows.update(dict.fromkeys(change.before))
        else:
            self._add_updates(change.before, change.after)

    def _add_images(self, rows: Iterable[Row]) -> None:
        key_of, known = self.key_of, self.rows
        for row in rows:
            known[key_of(row)] = row

    def _add_updates(self, before: list[KeyFields], after: list[Row]) -> None:
        # Pair by pair: `1 → 2, 2 → 3` in one event must end with 3, not with 2 deleted last.
        key_of, known = self.key_of, self.rows
        for old, row in zip(before, after, strict=True):
            known[old] = None
            known[key_of(row)] = row

    @property
    def keys(self) -> list[KeyFields]:
        return list(self.rows)

    def write(self, target: Connection, number: int) -> None:
        """Write the changes of batch `number`, in the open target transaction."""
        deleted = [key for key, row in self.rows.items() if row is None]
        replaced = [key for key, row in self.rows.items() if row is not None]
        with lenient_sql_mode(target, self.table.definition):
            if self.tombstones:
                self._write_tombstones(target, deleted)
            self._delete(target, quote_name(self.table.target), self.table.target_table, deleted)
            if self.tombstones:
                self._delete(target, tombstones_table(self.table), self.table.definition, replaced)
            self._replace(target)
            self._note(target, number)

    def _write_tombstones(self, target: Connection, keys: list[KeyFields]) -> None:
        columns = quote_list(self.table.definition.key.columns)
        head = f"REPLACE INTO {tombstones_table(self.table)} ({columns}) VALUES ".encode()
        for some in in_slices(keys, _KEYS_PER_WRITE):
            run(target, head + b",".join(b"(" + self._literals(key) + b")" for key in some))

    def _note(self, target: Connection, number: int) -> None:
        columns = quote_list(self.table.definition.key.columns)
        head = f"REPLACE INTO {touched_table(self.table)} ({BATCH}, {columns}) VALUES ".encode()
        lead = b"(%d," % number
        for some in in_slices(self.keys, _KEYS_PER_WRITE):
            run(target, head + b",".join(lead + self._literals(key) + b")" for key in some))

    def _delete(self, target: Connection, name: str, table: Table, keys: list[KeyFields]) -> None:
        for some in in_slices(keys, _KEYS_PER_WRITE):
            bounds = [self._bound(key) for key in some]
            run(target, f"DELETE FROM {name} WHERE {is_one_of(table, bounds)}")

    def _replace(self, target: Connection) -> None:
        table = self.table.definition
        lines = b"".join(line(table, row) for row in self.rows.values() if row is not None)
        strategy_of(self.table).apply_images(target, lines)

    def _literals(self, key: KeyFields) -> bytes:
        return ",".join(self._bound(key)).encode("ascii")

    def _bound(self, key: KeyFields) -> Bound:
        return literal_bound(self.table.definition, key)


def key_getter(table: MigrationTable) -> Callable[[Row], KeyFields]:
    """A function from a row, whose fields are in the order of `written`, to its key."""
    order = [column.name for column in table.definition.written]
    places = [order.index(name) for name in table.definition.key.columns]
    if len(places) == 1:
        place = places[0]
        return lambda row: (row[place],)
    getter: Any = itemgetter(*places)
    return getter  # type: ignore[no-any-return]
