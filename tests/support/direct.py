"""Runs the pipeline in this process, without Celery, for tests of one race at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection

from pipeline.checksum.sides import TableSides
from pipeline.checksum.verify import ChunkVerifier, Verdict
from pipeline.checksum.verify_keys import KeyVerifier, SliceVerdict
from pipeline.control.leases import Lease, take_lease
from pipeline.control.migration_tables import read_tables
from pipeline.control.streams import read_stream
from pipeline.coordinate.advance import advance
from pipeline.copy.chunk import Copied, copy_chunk
from pipeline.domain.migration import MigrationTable
from pipeline.domain.role import Role
from pipeline.mysql.codecs import field_expression
from pipeline.mysql.pools import Pools, connection_id, run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.table import Table
from pipeline.stream.applier import Applier
from pipeline.stream.events import ChangeKind, RowsChange, TransactionBegin, TransactionEnd
from tests.support.lines import Row, line
from tests.support.moves import SOURCE, TARGET, begin_move


@dataclass
class Recorded:
    """A messenger that keeps what it was told to send."""

    chunks: list[int] = field(default_factory=list)
    chunk_checks: list[int] = field(default_factory=list)
    keys: int = 0

    def copy_chunk(self, target: str, table: MigrationTable, number: int) -> None:
        self.chunks.append(number)

    def verify_chunk(self, target: str, table: MigrationTable, number: int) -> None:
        self.chunk_checks.append(number)

    def verify_keys(self, target: str, table: MigrationTable) -> None:
        self.keys += 1

    def serve_stream(self, target: str, migration_id: str) -> None:
        return


@dataclass
class DirectMove:
    """A move of one table, taken step by step by the test."""

    pools: Pools
    migration_id: str
    sent: Recorded = field(default_factory=Recorded)
    server: str = SOURCE  # where the rows are read

    @classmethod
    def of(cls, pools: Pools, schema: str, table: str, chunk_rows: int = 1000) -> DirectMove:
        move = cls(pools, begin_move(pools, schema, [table], chunk_rows=chunk_rows))
        move.advance(budget_s=10)  # on to the copy, however slow the machine is
        return move

    def advance(self, budget_s: float = 0.1) -> None:
        advance(self.pools, TARGET, self.migration_id, self.sent, "test", budget_s=budget_s)

    @property
    def table(self) -> MigrationTable:
        with self.pools.begin(TARGET) as control:
            return read_tables(control, self.migration_id)[0]

    def copy(self, number: int) -> Copied | None:
        return copy_chunk(self.pools, self.server, TARGET, self.table, number, "test")

    def copy_all(self) -> None:
        """Copy until the coordinator has no chunk left to send."""
        while True:
            self.advance()
            chunks, self.sent.chunks = self.sent.chunks, []
            if not chunks:
                return
            for number in chunks:
                self.copy(number)

    def verify(self, number: int) -> Verdict:
        return ChunkVerifier(self.sides()).verify(number)

    def verify_keys(self) -> SliceVerdict:
        """Verify the touched keys that one slice holds."""
        return KeyVerifier(self.sides()).verify_slice()

    def sides(self) -> TableSides:
        table, settings = self.table, self.pools.settings.checksum
        return TableSides(self.pools, self.server, TARGET, table, table.source, settings)

    @contextmanager
    def applier(self, *, tombstones: bool = True) -> Iterator[Feed]:
        """An applier that the test feeds by hand, under the stream lease."""
        with self.pools.engine(TARGET).connect() as data:
            lease = self.take(Role.STREAM, connection_id(data))
            assert lease is not None
            yield Feed(self, self._applier(data, lease, tombstones))
            data.rollback()

    def take(self, role: Role, connection: int | None = None, ttl_s: float = 30) -> Lease | None:
        with self.pools.begin(TARGET) as control:
            return take_lease(control, self.migration_id, role, "test", ttl_s, connection)

    def _applier(self, data: Connection, lease: Lease, tombstones: bool) -> Applier:
        table = self.table
        with self.pools.begin(TARGET) as control:
            state = read_stream(control, self.migration_id)
        assert state is not None
        return Applier(
            data, lease, state.position, (), {table.source: table}, self.pools.settings.stream,
            TARGET, state.batches, state.logs_keys, lambda _: False, tombstones,
        )  # fmt: skip


@dataclass
class Feed:
    """Hands an applier what the binary log would say."""

    move: DirectMove
    applier: Applier
    number: int = 0

    def delete(self, *keys: Row) -> None:
        self._transaction(rows_change(self.move.table, keys, ()))

    def insert(self, *rows: Row) -> None:
        self._transaction(rows_change(self.move.table, (), rows))

    def update(self, *pairs: tuple[Row, Row]) -> None:
        """Pairs of an old key and the new row."""
        before, after = [old for old, _ in pairs], [row for _, row in pairs]
        self._transaction(rows_change(self.move.table, before, after))

    def _transaction(self, change: RowsChange) -> None:
        self.number += 1
        gtid = f"11111111-1111-1111-1111-111111111111:{self.number}"
        for event in (TransactionBegin(gtid), change, TransactionEnd(gtid, 1, ())):
            self.applier.handle(event)
        if not self.applier.idle:
            self.applier.commit()


def rows_change(
    table: MigrationTable, before: Sequence[Row], after: Sequence[Row], size: int = 10
) -> RowsChange:
    """The rows event that the reader would make of old keys and new rows."""
    kind = ChangeKind.INSERT if not before else ChangeKind.UPDATE if after else ChangeKind.DELETE
    written = [column.name for column in table.definition.written]
    places = [written.index(name) for name in table.definition.key.columns]
    keys = [line(row[place] for place in places) for row in after]
    lines = list(map(line, before)), keys, list(map(line, after))
    return RowsChange(table.source, kind, *lines, size)


def rows_of(pools: Pools, server: str, table: Table) -> set[Row]:
    """Every row of a table as Fields."""
    fields = ", ".join(f"CAST({field_expression(c)} AS BINARY)" for c in table.written)
    with pools.begin(server) as connection:
        return set(run(connection, f"SELECT {fields} FROM {quote_name(table.name)}").rows)
