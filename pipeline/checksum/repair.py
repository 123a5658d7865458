"""Repairs a chunk that really differs: deletes its rows and copies them again.

It is one transaction, which commits only if the chunk has not been touched since before the
source was read: what the applier has written meanwhile is never undone. Since the binary log may
run ahead of what readers see, that read first waits until the applied position is visible on the
source. A repair counts as a touch itself, so that no verification that began earlier counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.checksum.digest import differing_keys
from pipeline.checksum.row_sources import SourceRows, target_rows
from pipeline.configuration.settings import Checksum
from pipeline.control.chunk_checks import count_repair, touch, touched_count
from pipeline.control.events import log_event
from pipeline.control.streams import read_stream
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import MigrationTable
from pipeline.domain.role import Role
from pipeline.errors import FatalError
from pipeline.mysql.failures import driver_errors
from pipeline.mysql.flavours import wait_until_executed
from pipeline.mysql.keyrange import KeyRange
from pipeline.mysql.pools import Pools, lenient_sql_mode, run
from pipeline.mysql.quoting import quote_name
from pipeline.pausepoints import Point, reached
from pipeline.strategy.base import WriteChunk
from pipeline.strategy.choice import strategy_of


@dataclass(frozen=True)
class Repairer:
    """Repairs chunks of one table."""

    pools: Pools
    target: str
    source: SourceRows
    settings: Checksum

    @property
    def table(self) -> MigrationTable:
        return self.source.table

    def repair(self, number: int, keys: KeyRange) -> bool:
        """Repair chunk `number`; False if it was written meanwhile.

        Raises:
            FatalError: it has been repaired too often already; names the keys that differ.
        """
        with self.pools.begin(self.target) as target:
            repairs = count_repair(target, self.table, number)
            what = f"{self.table.source} chunk {number} {keys} differs"
            log_event(target, self.table.migration_id, EventKind.DIFFERENCE, what, Role.CHECKSUM)
        if repairs > self.settings.repairs:
            self._give_up(keys, repairs - 1)
        return self._copy_again(number, keys)

    def _give_up(self, keys: KeyRange, repairs: int) -> None:
        with self.source.range(keys) as ours, self.pools.begin(self.target) as target:
            different = differing_keys(ours, target_rows(target, self.table), keys)
        raise FatalError(
            f"{self.table.source} still differs after {repairs} repairs, at the keys"
            f" {'; '.join(different)}.",
            "Compare these rows on both servers: something else writes to the target, or it can't"
            " hold a value.",
        )

    def _copy_again(self, number: int, keys: KeyRange) -> bool:
        with self.pools.begin(self.target) as target:
            # In this order: whatever was applied when the count was read is in the position.
            touched = touched_count(target, self.table, number)
            state = read_stream(target, self.table.migration_id)
        with self.pools.begin(self.source.server) as source:
            if not wait_until_executed(source, state.position, self.settings.drain_wait_s):
                return False
            write = strategy_of(self.table).read_chunk(source, self.source.name, keys)
        reached(Point.REPAIR_READ)
        with (
            driver_errors(self.target),
            self.pools.engine(self.target).connect() as target,
            target.begin() as change,
        ):
            self._rewrite(target, keys, write)
            if touched_count(target, self.table, number, lock=True) != touched:
                change.rollback()
                return False
            touch(target, self.table, [number])
        return True

    def _rewrite(self, target: Connection, keys: KeyRange, write: WriteChunk) -> None:
        condition = keys.condition(self.table.target_table.key)
        with lenient_sql_mode(target, self.table.definition):
            run(target, f"DELETE FROM {quote_name(self.table.target)} WHERE {condition}")
            write(target)
