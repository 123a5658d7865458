"""The two sides of a comparison: rows as they can be read now, and as what table.

Of a move both sides hold the same table. Of an alter the original's rows are taken as the
shadow would hold them: where no kept column has another type they are read as they are, else
they are converted into a temporary table first (alter/convert_rows.py), which is then compared
in their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from pipeline.alter.convert_rows import converted_rows
from pipeline.domain.migration import MigrationTable
from pipeline.mysql.failures import driver_errors
from pipeline.mysql.keyrange import Bound, KeyRange, is_one_of
from pipeline.mysql.pools import Pools
from pipeline.mysql.table import Table, TableName


@dataclass(frozen=True)
class Rows:
    """Rows of one side."""

    connection: Connection
    table: Table
    name: TableName
    is_source: bool


@dataclass(frozen=True)
class SourceRows:
    """Where the source's rows are read.

    `locked` is the connection that holds a table lock in the cut-over of an alter: nobody else
    can read the table then, and a snapshot would give the lock away.
    """

    pools: Pools
    server: str
    table: MigrationTable
    name: TableName
    locked: Connection | None = None

    @contextmanager
    def range(self, keys: KeyRange) -> Iterator[Rows]:
        """The rows of a range, in one state throughout. Takes no locks."""
        with self._rows(keys.condition(self.table.definition.key), one_state=True) as rows:
            yield rows

    @contextmanager
    def keys(self, keys: Sequence[Bound]) -> Iterator[Rows]:
        """The rows with one of `keys`."""
        with self._rows(is_one_of(self.table.definition, keys), one_state=False) as rows:
            yield rows

    @contextmanager
    def _rows(self, condition: str, *, one_state: bool) -> Iterator[Rows]:
        plan = self.table.alter_plan
        if plan is not None and plan.retyped:
            with self._open(one_state=False) as connection:
                table = converted_rows(connection, self.table, condition)
                if self.locked is None:
                    # The cut-over must not wait for a comparison: let go of the original.
                    connection.commit()
                yield Rows(connection, table, table.name, True)
            return
        table = self.table.definition
        if plan is not None:
            table = replace(plan.kept, key=table.key)
        with self._open(one_state=one_state) as connection:
            yield Rows(connection, table, self.name, True)

    @contextmanager
    def _open(self, *, one_state: bool) -> Iterator[Connection]:
        if self.locked is not None:
            yield self.locked
        elif one_state:
            with self.pools.snapshot(self.server) as connection:
                yield connection
        else:
            with driver_errors(self.server), self.pools.engine(self.server).connect() as connection:
                yield connection
                connection.commit()


def target_rows(connection: Connection, table: MigrationTable) -> Rows:
    """The target's side, on a connection of the caller's."""
    return Rows(connection, table.target_table, table.target, False)
