"""The two sides of a comparison: which rows to read, on which connection, as which table.

The strategy says what is compared on the source's side: its rows themselves, or a converted copy
of them, which does not change once it is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from pipeline.domain.migration import MigrationTable
from pipeline.mysql.failures import driver_errors
from pipeline.mysql.keyrange import Bound, KeyRange, is_one_of
from pipeline.mysql.pools import Pools
from pipeline.mysql.table import Table, TableName
from pipeline.strategy.choice import strategy_of


@dataclass(frozen=True)
class Rows:
    """The rows of one side: those of `table`, whose name is the one to read them by."""

    connection: Connection
    table: Table
    is_source: bool


@dataclass(frozen=True)
class SourceRows:
    """Where the source's rows are read.

    `locked` is the connection that holds the table lock in the cut-over of an alter: no other can
    read the table then, and opening a snapshot would release the lock.
    """

    pools: Pools
    server: str
    table: MigrationTable
    name: TableName
    locked: Connection | None = None

    @contextmanager
    def range(self, keys: KeyRange) -> Iterator[Rows]:
        """The rows of a chunk, all read in the same state. Takes no locks."""
        with self._rows(keys.condition(self.table.definition.key)) as rows:
            yield rows

    @contextmanager
    def keys(self, keys: Sequence[Bound]) -> Iterator[Rows]:
        """The rows with one of `keys`, all read in the same state. Takes no locks."""
        with self._rows(is_one_of(self.table.definition, keys)) as rows:
            yield rows

    @contextmanager
    def _rows(self, condition: str) -> Iterator[Rows]:
        strategy = strategy_of(self.table)
        in_place = strategy.compares_in_place
        with self._open(snapshot=in_place) as connection:
            table = strategy.comparable_rows(connection, self.name, condition)
            if not in_place and self.locked is None:
                # Release the original: a cut-over must not wait for a comparison.
                connection.commit()
            yield Rows(connection, table, is_source=True)

    @contextmanager
    def _open(self, *, snapshot: bool) -> Iterator[Connection]:
        if self.locked is not None:
            yield self.locked
        elif snapshot:
            with self.pools.snapshot(self.server) as connection:
                yield connection
        else:
            with driver_errors(self.server), self.pools.engine(self.server).connect() as connection:
                yield connection
                connection.commit()


def target_rows(connection: Connection, table: MigrationTable) -> Rows:
    """The target's side, on the caller's connection."""
    return Rows(connection, replace(table.target_table, name=table.target), is_source=False)
