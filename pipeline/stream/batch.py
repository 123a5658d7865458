"""Gathers row changes of a table and writes them, many rows in each statement.

Changes are coalesced by key: the last image wins. They are written in this order, so that
keys which are equal only by collation (`a` deleted, `A` inserted) come out right and no
chunk in flight can bring a deleted row back (copy/chunk.py):

    tombstones of deleted keys, deletes, tombstones of replaced keys removed, replaces

and last, once verification has begun, the keys themselves, to the touched key log.

Rows are replaced with the full after-image, not updated: a unique value may move between rows in
one transaction, and every row in its way has to go first. A row that is removed in this way was
changed on the source, too, so its own event is coming.

Rows and keys stay what the row decoder has made of them, lines of text, which LOAD DATA reads.
Only the conditions of the deletes need literals.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from pipeline.control.chunk_map import tombstones, touched_log
from pipeline.domain.migration import MigrationTable
from pipeline.mysql.codecs import bound_maker
from pipeline.mysql.keyrange import Moved, in_slices, is_one_of
from pipeline.mysql.pools import lenient_sql_mode, run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.table import Table, TableName
from pipeline.rows.key_log import packed
from pipeline.rows.write_lines import write_lines
from pipeline.strategy.choice import strategy_of
from pipeline.stream.events import ChangeKind, KeyText, Line, RowsChange
from pipeline.stream.lineage import Lineage

_KEYS_PER_DELETE = 1000


@dataclass
class TableBatch:
    """Coalesced changes of one table, not yet written."""

    table: MigrationTable
    tombstones: bool
    rows: dict[KeyText, Line | None] = field(default_factory=dict)
    lineage: Lineage | None = field(init=False)

    def __post_init__(self) -> None:
        self.lineage = Lineage() if self.table.placement.carries else None

    @property
    def bytes_held(self) -> int:
        return sum(len(key) + len(row or b"") for key, row in self.rows.items())

    def add(self, change: RowsChange) -> None:
        """Take in one rows event."""
        if change.change is ChangeKind.DELETE:
            self.rows.update(dict.fromkeys(change.before))
            self._forget(change.before)
        elif change.change is ChangeKind.INSERT:
            self.rows.update(zip(change.keys, change.after, strict=True))
            self._forget(change.keys)
        elif change.before == change.keys:
            self.rows.update(zip(change.keys, change.after, strict=True))
        else:
            self._add_key_changes(change)

    def _forget(self, keys: list[KeyText]) -> None:
        if self.lineage is not None:
            self.lineage.forget(keys)

    def _add_key_changes(self, change: RowsChange) -> None:
        # Pair by pair: `1 → 2, 2 → 3` in one event must end with 3, not with 2 deleted last.
        for old, key, row in zip(change.before, change.keys, change.after, strict=True):
            self.rows[old] = None
            self.rows[key] = row
            if self.lineage is not None:
                self.lineage.moved(old, key)

    def write(self, target: Connection) -> None:
        """Write the changes, in the open target transaction."""
        deleted = [key for key, row in self.rows.items() if row is None]
        strategy = strategy_of(self.table)
        replaced = [key for key, row in self.rows.items() if row is not None]
        dead = tombstones(self.table)
        with lenient_sql_mode(target, self.table):
            if self.tombstones:
                write_lines(target, dead, dead.name, _lines(deleted), replace=True)
            if self.lineage is not None:
                strategy.keep_values(target, self._moved(self.lineage))
                deleted = list({**dict.fromkeys(deleted), **dict.fromkeys(self.lineage.newborn)})
            self._delete(target, self.table.target, self.table.target_table, deleted)
            if self.tombstones and _has_rows(target, dead.name):
                self._delete(target, dead.name, dead, replaced)
            rows = _lines(row for row in self.rows.values() if row is not None)
            strategy.apply_images(target, rows)

    def _moved(self, lineage: Lineage) -> list[Moved]:
        bound = bound_maker(self.table.definition)
        return [(bound(old), bound(new)) for old, new in lineage.changed]

    def log_keys(self, target: Connection, number: int, place: int) -> None:
        """Append the keys to the log, as those of batch `number`, from `place` on."""
        log = touched_log(self.table)
        lines = packed(list(self.rows), number, place)
        write_lines(target, log, log.name, lines, replace=True)

    def _delete(
        self, target: Connection, name: TableName, table: Table, keys: list[KeyText]
    ) -> None:
        bound = bound_maker(self.table.definition)
        for some in in_slices(keys, _KEYS_PER_DELETE):
            condition = is_one_of(table, [bound(key) for key in some])
            run(target, f"DELETE FROM {quote_name(name)} WHERE {condition}")


def _has_rows(target: Connection, name: TableName) -> bool:
    return bool(run(target, f"SELECT 1 FROM {quote_name(name)} LIMIT 1").rows)


def _lines(rows: Iterable[bytes]) -> bytes:
    return b"".join(row + b"\n" for row in rows)
