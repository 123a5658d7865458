"""What the applier holds in memory: row changes that are not written yet, and how much that is.

It is bounded by the rows that are to be written, however often each of them was changed, and by
bytes of the log.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection

from pipeline.configuration.settings import Stream
from pipeline.domain.migration import MigrationTable
from pipeline.mysql.table import TableName
from pipeline.stream.batch import TableBatch
from pipeline.stream.events import RowsChange


@dataclass
class Gathered:
    """Row changes of all tables."""

    changes: int = 0
    _size: int = 0  # bytes in the binary log
    _tables: dict[TableName, TableBatch] = field(default_factory=dict)

    def add(self, change: RowsChange, table: MigrationTable, tombstones: bool) -> None:
        batch = self._tables.get(change.table)
        if batch is None:
            batch = self._tables[change.table] = TableBatch(table, tombstones)
        batch.add(change)
        self.changes += max(len(change.before), len(change.after))
        self._size += change.size

    def is_full(self, bounds: Stream, times: int) -> bool:
        """Whether it is `times` a batch, or more."""
        return self._rows >= times * bounds.batch_rows or self._size >= times * bounds.batch_bytes

    def overflows(self, bounds: Stream, times: int) -> bool:
        """Whether it can't wait for the end of its transaction."""
        if times > 1 and self._size >= times * bounds.batch_bytes:
            self._size = self._bytes_held
        # Some slack over batch_rows: most transactions end soon, and can be retried then.
        too_many = self._rows >= 2 * times * bounds.batch_rows
        return too_many or self._size >= times * bounds.batch_bytes

    @property
    def _rows(self) -> int:
        return sum(len(batch.rows) for batch in self._tables.values())

    @property
    def _bytes_held(self) -> int:
        return sum(batch.bytes_held for batch in self._tables.values())

    def write(self, target: Connection) -> None:
        for batch in self._tables.values():
            batch.write(target)

    def log_keys(self, target: Connection, number: int, place: int) -> int:
        """Append all keys to the log, as those of batch `number`; returns the next place."""
        for batch in self._tables.values():
            batch.log_keys(target, number, place)
            place += len(batch.rows)
        return place

    def clear(self) -> None:
        self._tables.clear()
        self.changes = self._size = 0
