"""Verifies one range while both sides are being written, and repairs a real difference.

The count `touched` of a range (control/pieces.py) makes this sound without locks. Read it,
digest the source, digest the target: if both agree and the count has not moved, then the
target's range held exactly what the source's did at the moment of the read, and any change
since is a touch still to come. So "verified at the present count, and drained" means equal
now (I6).

If they disagree, the target may only be behind. Wait until the position contains what the
source had executed at the read, and look again: the source reads the same, and the target,
untouched and no longer behind, still differs — a real difference. It is repaired in one
transaction, delete and copy, that commits only if the count has not moved since before the
source was read; and since the binlog may run ahead of what readers see, that read waits for
the applied position to be visible on the source first.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Connection

from pipeline.checksum.digest import Digest, differing_keys, range_digest
from pipeline.configuration.settings import Checksum
from pipeline.control.migrations import log_event
from pipeline.control.pieces import key_range
from pipeline.control.ranges import count_repair, look_over, mark_verified, touch, touched_count
from pipeline.control.records import Moved
from pipeline.control.streams import read_stream
from pipeline.copy.transfer import read_lines, write_lines
from pipeline.errors import FatalError
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.keyrange import KeyRange
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.servers import executed_gtids, wait_until_executed
from pipeline.mysql.table import TableName
from pipeline.pausepoints import Point, reached


class Verdict(Enum):
    """How an attempt ended."""

    VERIFIED = "verified"
    MOVING = "moving"  # it was written meanwhile; try again later
    REPAIRED = "repaired"  # it differed for real; try again


@dataclass(frozen=True)
class Comparison:
    """One look at both sides of a range."""

    touched: int
    source: Digest
    target: Digest
    executed: GtidSet  # by the source, just after its read

    @property
    def equal(self) -> bool:
        return self.source == self.target


@dataclass(frozen=True)
class RangeVerifier:
    """Verifies ranges of one migration. `source_name` is where the rows are now: after the
    rename of a cut-over they are under another name."""

    pools: Pools
    source: str
    target: str
    moved: Moved
    source_name: TableName
    settings: Checksum

    def verify(self, no: int) -> Verdict:
        """Verify range `no` once.

        Raises:
            FatalError: it still differs after `settings.repairs` repairs; names the keys.
        """
        verdict, rows = Verdict.MOVING, None
        try:
            verdict, rows = self._verify(no)
        finally:
            again_s = self.settings.moving_s if verdict is Verdict.MOVING else 0
            with self.pools.begin(self.target) as target:
                look_over(target, self.moved, no, rows, again_s)
        return verdict

    def _verify(self, no: int) -> tuple[Verdict, int]:
        with self.pools.begin(self.target) as target:
            keys = key_range(target, self.moved, no)
        first = self._compare(no, keys)
        rows = first.source.rows
        if first.equal:
            return self._record(no, first), rows
        if not self._drained_to(first.executed):
            return Verdict.MOVING, rows
        second = self._compare(no, keys)
        if second.equal:
            return self._record(no, second), rows
        if (first.touched, first.source) != (second.touched, second.source):
            return Verdict.MOVING, rows
        return self._repair(no, keys), rows

    def _compare(self, no: int, keys: KeyRange) -> Comparison:
        table = self.moved.table
        with self.pools.begin(self.target) as target:
            touched = touched_count(target, self.moved, no)
        with self.pools.begin(self.source) as source:
            ours = range_digest(source, table, self.source_name, keys, is_source=True)
            executed = executed_gtids(source)
        reached(Point.VERIFY_SOURCE_READ)
        with self.pools.begin(self.target) as target:
            theirs = range_digest(target, table, self.moved.target, keys, is_source=False)
        reached(Point.VERIFY_TARGET_READ)
        return Comparison(touched, ours, theirs, executed)

    def _record(self, no: int, comparison: Comparison) -> Verdict:
        with self.pools.begin(self.target) as target:
            recorded = mark_verified(target, self.moved, no, comparison.touched)
        return Verdict.VERIFIED if recorded else Verdict.MOVING

    def _drained_to(self, wanted: GtidSet) -> bool:
        deadline = time.monotonic() + self.settings.drain_wait_s
        while time.monotonic() < deadline:
            if self._position().contains(wanted):
                return True
            time.sleep(0.05)
        return False

    def _position(self) -> GtidSet:
        with self.pools.begin(self.target) as target:
            state = read_stream(target, self.moved.migration_id)
        assert state is not None
        return state.position

    def _repair(self, no: int, keys: KeyRange) -> Verdict:
        with self.pools.begin(self.target) as target:
            repairs = count_repair(target, self.moved, no)
            what = f"{self.moved.source} range {no} {keys} differs for real"
            log_event(target, self.moved.migration_id, "difference", what, "checksum")
        if repairs > self.settings.repairs:
            self._give_up(keys, repairs - 1)
        return Verdict.REPAIRED if self._copy_again(no, keys) else Verdict.MOVING

    def _give_up(self, keys: KeyRange, repairs: int) -> None:
        table, names = self.moved.table, (self.source_name, self.moved.target)
        with self.pools.begin(self.source) as source, self.pools.begin(self.target) as target:
            different = differing_keys(source, target, table, names, keys)
        raise FatalError(
            f"{self.moved.source} still differs after {repairs} repairs, at the keys"
            f" {'; '.join(different)}.",
            "Look at these rows on both servers; something else writes to the target, or a"
            " value can't be held there.",
        )

    def _copy_again(self, no: int, keys: KeyRange) -> bool:
        # In this order: what was applied by the time of the count is in the position.
        touched, position = self._touched(no), self._position()
        with self.pools.begin(self.source) as source:
            if not wait_until_executed(source, position, self.settings.drain_wait_s):
                return False
            lines = read_lines(source, self.moved.table, self.source_name, keys)
        reached(Point.REPAIR_READ)
        with self.pools.engine(self.target).connect() as target, target.begin() as change:
            self._rewrite(target, keys, lines.data)
            if touched_count(target, self.moved, no, lock=True) != touched:
                change.rollback()
                return False
            # A repair is a touch: no verification that began before it may count.
            touch(target, self.moved, [no])
        return True

    def _touched(self, no: int) -> int:
        with self.pools.begin(self.target) as target:
            return touched_count(target, self.moved, no)

    def _rewrite(self, target: Connection, keys: KeyRange, data: bytes) -> None:
        condition = keys.condition(self.moved.table.key)
        run(target, f"DELETE FROM {quote_name(self.moved.target)} WHERE {condition}")
        write_lines(target, self.moved.table, self.moved.target, data, replace=False)
