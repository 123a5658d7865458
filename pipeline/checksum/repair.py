"""Repairs a chunk that really differs: deletes its rows and copies them again.

It is one transaction, which commits only if, under the lock of the stream's row, no key of the
chunk has been touched since before the source was read: what the applier has written meanwhile is
never undone. Since the binary log may run ahead of what readers see, that read first waits until
the applied position is visible on the source.

Under the same lock it asks whether it is still wanted: the attempt is the latest one on the chunk,
whose bounds have not changed since, and the stage is one that repairs. So a repair that was delayed
can't write over what the application has written to the target since the switch.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.checksum.digest import differing_keys
from pipeline.checksum.row_sources import target_rows
from pipeline.checksum.sides import TableSides
from pipeline.control.chunk_checks import CheckClaim, count_repair, repairs_so_far
from pipeline.control.chunk_map import key_range
from pipeline.control.events import log_event
from pipeline.control.migrations import read_migration
from pipeline.control.streams import read_stream
from pipeline.control.touched_keys import later_lines
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import MigrationTable
from pipeline.domain.role import Role
from pipeline.domain.stages import STAGES_THAT_REPAIR
from pipeline.errors import FatalError, FencedError
from pipeline.mysql.failures import driver_errors
from pipeline.mysql.keyrange import KeyRange
from pipeline.mysql.pools import lenient_sql_mode, run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.writers import other_writers
from pipeline.pausepoints import Point, reached
from pipeline.rows.key_log import keys_in_range
from pipeline.strategy.base import WriteChunk
from pipeline.strategy.choice import strategy_of


@dataclass(frozen=True)
class Repairer:
    """Repairs chunks of one table."""

    sides: TableSides

    @property
    def table(self) -> MigrationTable:
        return self.sides.table

    def repair(self, claim: CheckClaim, keys: KeyRange) -> bool:
        """Repair the chunk of `claim`; False if it was written meanwhile.

        Raises:
            FatalError: it has been repaired too often already; names the keys that differ.
            FencedError: it is not wanted any more.
        """
        with self.sides.pools.begin(self.sides.target) as target:
            repairs = repairs_so_far(target, claim)
            batch = read_stream(target, self.table.migration_id).batches
        if repairs >= self.sides.settings.repairs:
            self._give_up(keys, repairs)
        found = self._different(keys)
        write = self._read(keys)
        return write is not None and self._write(claim, keys, batch, write, found)

    def _different(self, keys: KeyRange) -> str:
        """The keys of rows that differ, for a person."""
        sides = self.sides
        with sides.source_rows.range(keys) as ours, sides.pools.begin(sides.target) as target:
            return "; ".join(differing_keys(ours, target_rows(target, self.table), keys))

    def _writers(self) -> str:
        """Who else has written to the target table lately, if its server can tell."""
        try:
            with self.sides.pools.begin(self.sides.target) as target:
                found = other_writers(target, self.table.target)
        except FatalError:
            return ""  # no privilege on performance_schema, or no such table there
        return f" Written lately by {'; '.join(found)}." if found else ""

    def _give_up(self, keys: KeyRange, repairs: int) -> None:
        raise FatalError(
            f"{self.table.source} still differs after {repairs} repairs, at the keys"
            f" {self._different(keys)}.{self._writers()}",
            "Compare these rows on both servers: something else writes to the target, or it can't"
            " hold a value.",
        )

    def _read(self, keys: KeyRange) -> WriteChunk | None:
        sides = self.sides
        with sides.pools.begin(sides.target) as target:
            # Later than the batch was noted: whatever that batch contained is in the position.
            position = read_stream(target, self.table.migration_id).position
        if not sides.source_sees(position):
            return None
        with sides.pools.begin(sides.source) as source:
            write = strategy_of(self.table).read_chunk(source, sides.source_name, keys)
        reached(Point.REPAIR_READ)
        return write

    def _write(
        self, claim: CheckClaim, keys: KeyRange, batch: int, write: WriteChunk, found: str
    ) -> bool:
        sides, writers = self.sides, self._writers()
        with (
            driver_errors(sides.target),
            sides.pools.engine(sides.target).connect() as target,
            target.begin() as change,
        ):
            self._rewrite(target, keys, write)
            read_stream(target, self.table.migration_id, lock=True)
            self._require_wanted(target, claim, keys)
            later = later_lines(target, self.table, batch)
            if keys_in_range(target, self.table, later, keys, most=1):
                change.rollback()
                return False
            count_repair(target, claim)
            what = (
                f"{self.table.source} chunk {claim.first} {keys} differed, at the keys {found}; it"
                f" is copied again.{writers}"
            )
            log_event(target, self.table.migration_id, EventKind.DIFFERENCE, what, Role.CHECKSUM)
        return True

    def _require_wanted(self, target: Connection, claim: CheckClaim, keys: KeyRange) -> None:
        stage = read_migration(target, self.table.migration_id).stage
        if stage not in STAGES_THAT_REPAIR:
            raise FencedError(f"Nothing is repaired in {stage}.")
        if key_range(target, self.table, claim.first) != keys:
            raise FencedError(f"Chunk {claim.first} of {self.table.source} has other bounds now.")

    def _rewrite(self, target: Connection, keys: KeyRange, write: WriteChunk) -> None:
        condition = keys.condition(self.table.target_table.key)
        with lenient_sql_mode(target, self.table.definition):
            strategy_of(self.table).keep_values(target, condition)
            run(target, f"DELETE FROM {quote_name(self.table.target)} WHERE {condition}")
            write(target)
