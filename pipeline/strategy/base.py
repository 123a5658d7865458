"""What a move and an alter do differently with a table's rows.

                     move                                alter
    prepare_target   the source's own CREATE TABLE       the shadow: LIKE the table, then the change
    read_chunk       lines of text; LOAD DATA writes     nothing; INSERT … SELECT reads and writes,
                     them                                since both tables are on one server
    keep_values      nothing: the rows are the same      way back only: what the old table's rows
                                                         hold in columns that were dropped
    apply_images     LOAD DATA … REPLACE                 the same into a staging table, and from
                                                         there converted into the shadow
    comparable_rows  the rows as they are                the rows as the shadow would hold them

How they cut over is in `cutover/`. What is plain data (names, definitions) is `Placement` in
`domain/migration.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from pipeline.domain.migration import Migration, MigrationTable
from pipeline.errors import FatalError
from pipeline.mysql.keyrange import KeyRange, Moved
from pipeline.mysql.table import Table, TableName


@dataclass(frozen=True)
class Written:
    """The size of a chunk; in an alter the bytes are an estimate."""

    rows: int
    bytes: int


def created_by_another(name: TableName) -> FatalError:
    """The refusal of a table that has come to be under the name of the table to be filled."""
    return FatalError(
        f"{name} was created by somebody else after the start.",
        "Drop or rename it, then: tranship resume ID.",
    )


WriteChunk = Callable[[Connection], Written]


class Sides(Protocol):
    """A migration, and transactions on either side; those on the target are fenced (I2).

    `ddl` gives a connection to the target for what commits by itself.
    """

    @property
    def migration(self) -> Migration: ...
    def control(self) -> AbstractContextManager[Connection]: ...
    def source(self) -> AbstractContextManager[Connection]: ...
    def ddl(self) -> AbstractContextManager[Connection]: ...


@dataclass(frozen=True)
class Strategy(ABC):
    """How the rows of one table get to the target."""

    table: MigrationTable

    @abstractmethod
    def prepare_target(self, sides: Sides) -> None:
        """Create the table to be filled; an interrupted call may have created it already.

        Raises:
            FatalError: it does not become what it has to be.
        """

    @abstractmethod
    def read_chunk(self, source: Connection, name: TableName, keys: KeyRange) -> WriteChunk:
        """Read the source's rows in `keys`, which are under `name` now. Takes no locks.

        Returns:
            a function that writes them, in an open transaction on the target; existing rows stay.

        Raises:
            FatalError: a row can't be read, or written, without loss.
        """

    @abstractmethod
    def keep_values(self, target: Connection, moved: Sequence[Moved]) -> None:
        """Note what rows of the target hold beyond the source's columns, before they are deleted.

        Each has the first key of its pair now. Once it is written with the second, in the same
        transaction, it gets that again.
        """

    @abstractmethod
    def apply_images(self, target: Connection, lines: bytes) -> None:
        """Write after-images, as lines of the source's table, in the open transaction; they win.

        Raises:
            FatalError: a row can't be written without loss.
        """

    @property
    @abstractmethod
    def compares_in_place(self) -> bool:
        """Whether `comparable_rows` are the source's own rows, and not a copy of them."""

    @abstractmethod
    def comparable_rows(self, source: Connection, name: TableName, condition: str) -> Table:
        """The table to whose rows the target's have to be equal.

        It holds the source's rows under `condition`, which are under `name` now. If it is a copy,
        it belongs to the connection, and is made by reading the source's rows without a lock, for
        which the connection has to be at READ COMMITTED, not in a snapshot.

        Raises:
            FatalError: a row can't be converted without loss.
        """
