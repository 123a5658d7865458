"""A move: the rows go as lines of text to a table of the same definition on another server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from pipeline.control.index_builds import defer_indexes
from pipeline.control.migration_tables import mark_created_by_us, mark_dropped, note_target
from pipeline.domain.request import move_request
from pipeline.errors import DefectError, FatalError, StartOverError
from pipeline.mysql.catalogue import table_identity
from pipeline.mysql.definition_diff import differences
from pipeline.mysql.indexes import DeferredIndex, deferrable_indexes, without_indexes
from pipeline.mysql.introspect import read_table
from pipeline.mysql.keyrange import KeyRange, Moved
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote, quote_name
from pipeline.mysql.servers import create_schema, create_statement, table_is_empty
from pipeline.mysql.table import Table, TableName
from pipeline.rows.read_lines import read_lines
from pipeline.rows.write_lines import write_lines
from pipeline.strategy.base import Sides, Strategy, WriteChunk, Written, created_by_another


class MoveStrategy(Strategy):
    """The source's server writes rows as text, the target's reads them."""

    def prepare_target(self, sides: Sides) -> None:
        table = self.table
        with sides.control() as control:
            if self._is_there(control):
                return
        with sides.source() as source:
            statement = create_statement(source, table.source)
            deferred = self._deferred(sides, source, statement)
        with sides.control() as control:
            # Noted first, so that clean-up may drop it, whatever happens in between.
            mark_created_by_us(control, table)
            if deferred is not None:
                defer_indexes(control, table, deferred)
                statement = without_indexes(statement, deferred)
        self._create(sides, statement)
        with sides.control() as control:
            note_target(control, table, table_identity(control, table.target))
            self._check_target(control)

    def _is_there(self, target: Connection) -> bool:
        """Whether the table is there that was there at the start, or that we have created."""
        table = self.table
        found = table_identity(target, table.target)
        if found is None:
            return False
        if found != table.target_identity and not self._is_our_unnoted:
            raise created_by_another(table.target)
        if not table_is_empty(target, table.target):
            raise FatalError(
                f"{table.target} was empty at the start, and holds rows now.",
                "Something else writes to it. Stop that, empty it, then: tranship resume ID.",
            )
        note_target(target, table, found)
        self._check_target(target)
        return True

    @property
    def _is_our_unnoted(self) -> bool:
        """Whether a crash has come between its creation and the note of it."""
        table = self.table
        return table.created_by_us and table.target_identity is None

    def _deferred(
        self, sides: Sides, source: Connection, statement: str
    ) -> tuple[DeferredIndex, ...] | None:
        if not move_request(sides.migration.request).defer_secondary_indexes:
            return None
        return deferrable_indexes(source, self.table.source, statement)

    def _create(self, sides: Sides, statement: str) -> None:
        table = self.table
        try:
            with sides.ddl() as target:
                create_schema(target, table.target.schema)
                run(target, under_name(statement, table.source, table.target))
        except FatalError:
            with sides.control() as control:
                mark_dropped(control, table)  # none was created, and one that is there is not ours
            raise

    def _check_target(self, target: Connection) -> None:
        """Refuse a table of which the target's server has left out what it does not know."""
        name = self.table.target
        for difference in differences(self.table.definition, read_table(target, name)):
            raise StartOverError(
                f"{name} was created with {difference}.",
                "Nothing was copied. Create the table by hand, once it is cleaned up.",
            )

    def read_chunk(self, source: Connection, name: TableName, keys: KeyRange) -> WriteChunk:
        definition, filled = self.table.definition, self.table.target
        lines = read_lines(source, definition, name, keys)

        def write(target: Connection) -> Written:
            write_lines(target, definition, filled, lines.data, replace=False)
            return Written(lines.rows, len(lines.data))

        return write

    def keep_values(self, target: Connection, moved: Sequence[Moved]) -> None:
        pass

    def apply_images(self, target: Connection, lines: bytes) -> None:
        write_lines(target, self.table.definition, self.table.target, lines, replace=True)

    @property
    def compares_in_place(self) -> bool:
        return True

    def comparable_rows(self, source: Connection, name: TableName, condition: str) -> Table:
        return replace(self.table.definition, name=name)


def under_name(create_table: str, old: TableName, new: TableName) -> str:
    """The statement that creates `new`, from the SHOW CREATE TABLE of `old`."""
    head = f"CREATE TABLE {quote(old.name)}"
    if not create_table.startswith(head):
        raise DefectError(f"SHOW CREATE TABLE begins with {create_table[:80]}")
    return f"CREATE TABLE {quote_name(new)}{create_table[len(head) :]}"
