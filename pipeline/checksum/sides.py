"""Both sides of a table that is being compared, and the waits that make a comparison fair.

What a verification reads is opened in this order: the last batch applied is noted; reads on the
source see all that it contained; a snapshot of the source; the position contains all that the
source had executed by then; a snapshot of the target. Why that is fair is said in pair.py.

While writes are blocked and the target is drained, `at_rest`, there is nothing to wait for.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.checksum.row_sources import SourceRows
from pipeline.configuration.settings import Checksum
from pipeline.control.migrations import read_stage
from pipeline.control.streams import read_stream
from pipeline.domain.migration import Migration, MigrationTable
from pipeline.domain.stages import STAGES_THAT_VERIFY, Stage
from pipeline.mysql.flavours import begun_gtids, executed_gtids, wait_until_executed
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.pools import Pools
from pipeline.mysql.table import TableName
from pipeline.waiting import wait_until

_POLL_S = 0.005


@dataclass(frozen=True)
class TableSides:
    """One table on both servers. Its rows are under `source_name` on the source now."""

    pools: Pools
    source: str
    target: str
    table: MigrationTable
    source_name: TableName
    settings: Checksum
    locked: Connection | None = None  # the only one that can read them, under a table lock
    at_rest: bool = False
    stages: frozenset[Stage] = STAGES_THAT_VERIFY  # in which it is wanted; in others it gives up

    @property
    def source_rows(self) -> SourceRows:
        return SourceRows(self.pools, self.source, self.table, self.source_name, self.locked)

    def source_sees(self, position: GtidSet) -> bool:
        """Whether reads on the source see what was applied: the binary log runs ahead of them."""
        if self.at_rest:
            return True
        with self.pools.begin(self.target) as target:
            if self._is_over(target):
                return False
        with self.pools.begin(self.source) as source:
            return wait_until_executed(source, position, self.settings.drain_wait_s)

    def target_has_caught_up(self, source: Connection, *, committing: bool) -> bool:
        """Whether the target gets what the source has executed by now.

        With `committing`, also what the source is just committing: its snapshots may show that
        already.

        Gives up at once when the migration goes on to its cut-over or ends: the table is about to
        be renamed, and what would be found is void.
        """
        if self.at_rest:
            return True
        wanted = begun_gtids(source) if committing else executed_gtids(source)
        migration_id = self.table.migration_id
        with self.pools.begin(self.target) as target:

            def arrived() -> bool:
                return read_stream(target, migration_id).position.contains(wanted)

            wait_until(
                lambda: arrived() or self._is_over(target), self.settings.drain_wait_s, _POLL_S
            )
            return arrived()

    def _is_over(self, target: Connection) -> bool:
        return read_stage(target, self.table.migration_id) not in self.stages


def sides_of(
    pools: Pools,
    migration: Migration,
    table: MigrationTable,
    source_name: TableName,
    *,
    locked: Connection | None = None,
    at_rest: bool = False,
    stages: frozenset[Stage] = STAGES_THAT_VERIFY,
) -> TableSides:
    settings = pools.settings.checksum
    return TableSides(
        pools, migration.source, migration.target, table, source_name, settings, locked, at_rest,
        stages,
    )  # fmt: skip
