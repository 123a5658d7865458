"""Verifies one chunk while both sides are being written.

**In full, once.** Note the number of the last batch applied, and wait until reads on the source
see what it contained. Digest the source's rows in a snapshot; wait until the position contains
everything that the source had executed by then; digest the target's rows in a snapshot, together
with the keys touched in later batches. Rows with those keys may differ, and are taken out of both
digests (an XOR: each side computes them from the same snapshot). The rest was last changed at or
before the source's snapshot, so it must be equal, however busy the table is. If it isn't, that is
a real difference, and is repaired. If it is, only the touched keys are still unproved.

**By its touched keys, from then on.** Compare the rows with touched keys one by one. A key whose
row is equal on both sides is forgotten, if no batch has touched it since it was read: the target
held what the source held at the read, and whatever has changed since is a touch still to come. A
key that differs is behind, or is being written. If it still differs when neither can be true, the
chunk has to be verified in full again.

A chunk is recorded as verified only at the count of touches that was read first. So "verified at
the present count, and drained" means equal now (I6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Connection

from pipeline.checksum.digest import keys_digest, range_digest, row_digests
from pipeline.checksum.repair import Repairer
from pipeline.checksum.row_sources import SourceRows, target_rows
from pipeline.configuration.settings import Checksum
from pipeline.control.chunk_checks import (
    mark_verified,
    read_check,
    record_attempt,
    set_fully_verified,
)
from pipeline.control.chunk_map import key_range
from pipeline.control.streams import read_stream
from pipeline.control.touched_keys import (
    TouchedKey,
    forget_chunk_keys,
    forget_touched,
    touched_keys,
)
from pipeline.domain.migration import MigrationTable
from pipeline.mysql.flavours import executed_gtids, wait_until_executed
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.keyrange import Bound, KeyRange
from pipeline.mysql.pools import Pools
from pipeline.mysql.table import TableName
from pipeline.pausepoints import Point, reached
from pipeline.waiting import wait_until

_KEYS_AT_ONCE = 5000
_POLL_S = 0.05


class Verdict(Enum):
    """How an attempt ended."""

    VERIFIED = "verified"
    INCONCLUSIVE = "inconclusive"  # it was written meanwhile; try again later
    REPAIRED = "repaired"  # it really differed; try again


@dataclass(frozen=True)
class CheckSnapshot:
    """What was known of a chunk before any of its rows was read."""

    number: int
    keys: KeyRange
    touched: int
    fully_verified: bool
    batch: int  # the last one applied
    position: GtidSet


@dataclass(frozen=True)
class ChunkVerifier:
    """Verifies chunks of one table.

    `source_name` is the name that its rows are under now: after the rename of a cut-over it is
    another one. `locked` is the only connection that can read them under a table lock.
    """

    pools: Pools
    source: str
    target: str
    table: MigrationTable
    source_name: TableName
    settings: Checksum
    locked: Connection | None = None

    @property
    def _ours(self) -> SourceRows:
        return SourceRows(self.pools, self.source, self.table, self.source_name, self.locked)

    def verify(self, number: int) -> Verdict:
        """Verify chunk `number` once.

        Raises:
            FatalError: it still differs after `settings.repairs` repairs; names the keys.
        """
        verdict, rows = Verdict.INCONCLUSIVE, None
        try:
            snapshot = self._read_snapshot(number)
            if not self._visible(snapshot):
                pass
            elif snapshot.fully_verified:
                verdict = self._verify_keys(snapshot)
            else:
                verdict, rows = self._verify_fully(snapshot)
        finally:
            again_s = self.settings.recheck_s if verdict is Verdict.INCONCLUSIVE else 0
            with self.pools.begin(self.target) as target:
                record_attempt(target, self.table, number, rows, again_s)
        return verdict

    def _read_snapshot(self, number: int) -> CheckSnapshot:
        with self.pools.begin(self.target) as target:
            state = read_check(target, self.table, number)
            stream = read_stream(target, self.table.migration_id)
            keys = key_range(target, self.table, number)
            batch, position = stream.batches, stream.position
            return CheckSnapshot(number, keys, state.touched, state.fully_verified, batch, position)

    def _visible(self, snapshot: CheckSnapshot) -> bool:
        """Whether reads on the source see what was applied: the binary log runs ahead of them."""
        with self.pools.begin(self.source) as source:
            return wait_until_executed(source, snapshot.position, self.settings.drain_wait_s)

    # --- in full ----------------------------------------------------------------------

    def _verify_fully(self, snapshot: CheckSnapshot) -> tuple[Verdict, int | None]:
        with self._ours.range(snapshot.keys) as source:
            ours = range_digest(source, snapshot.keys)
            rows = ours.rows
            reached(Point.VERIFY_SOURCE_READ)
            if not self._drained_to(executed_gtids(source.connection)):
                return Verdict.INCONCLUSIVE, rows
            with self.pools.snapshot(self.target) as target:
                later = touched_keys(
                    target, self.table, snapshot.keys, _KEYS_AT_ONCE + 1, after=snapshot.batch
                )
                there = target_rows(target, self.table)
                theirs = range_digest(there, snapshot.keys)
                if len(later) > _KEYS_AT_ONCE:
                    return Verdict.INCONCLUSIVE, rows
                apart = [one.key for one in later]
                theirs = theirs.without(keys_digest(there, apart))
            reached(Point.VERIFY_TARGET_READ)
            ours = ours.without(keys_digest(source, apart))
        if ours == theirs:
            return self._record_fully_verified(snapshot), rows
        return self._repair(snapshot), rows

    def _record_fully_verified(self, snapshot: CheckSnapshot) -> Verdict:
        with self.pools.begin(self.target) as target:
            forget_chunk_keys(target, self.table, snapshot.keys, up_to=snapshot.batch)
            set_fully_verified(target, self.table, snapshot.number, True)
            recorded = mark_verified(target, self.table, snapshot.number, snapshot.touched)
        return Verdict.VERIFIED if recorded else Verdict.INCONCLUSIVE

    def _repair(self, snapshot: CheckSnapshot) -> Verdict:
        repairer = Repairer(self.pools, self.target, self._ours, self.settings)
        return (
            Verdict.REPAIRED
            if repairer.repair(snapshot.number, snapshot.keys)
            else Verdict.INCONCLUSIVE
        )

    # --- by its touched keys ----------------------------------------------------------

    def _verify_keys(self, snapshot: CheckSnapshot) -> Verdict:
        with self.pools.begin(self.target) as target:
            pending = touched_keys(target, self.table, snapshot.keys, _KEYS_AT_ONCE)
        different, executed = self._compare(pending)
        equal = [one for one in pending if one not in different]
        with self.pools.begin(self.target) as target:
            forget_touched(target, self.table, equal)
            all_equal = not different and len(pending) < _KEYS_AT_ONCE
            if all_equal and mark_verified(target, self.table, snapshot.number, snapshot.touched):
                return Verdict.VERIFIED
        if different and self._really_differ(snapshot, different, executed):
            with self.pools.begin(self.target) as target:
                set_fully_verified(target, self.table, snapshot.number, False)
        return Verdict.INCONCLUSIVE

    def _compare(self, pending: Sequence[TouchedKey]) -> tuple[set[TouchedKey], GtidSet]:
        """The keys whose rows differ between the sides, and what the source had executed."""
        keys = [one.key for one in pending]
        with self._ours.keys(keys) as source:
            ours = row_digests(source, keys)
            executed = executed_gtids(source.connection)
        reached(Point.VERIFY_SOURCE_READ)
        with self.pools.begin(self.target) as target:
            theirs = row_digests(target_rows(target, self.table), keys)
        reached(Point.VERIFY_TARGET_READ)
        # Rows that were found by a key which equals theirs only by collation.
        named = set(keys)
        same_others = _others(ours, named) == _others(theirs, named)
        return {
            one
            for one in pending
            if ours.get(one.key) != theirs.get(one.key) or not (one.key in ours or same_others)
        }, executed

    def _really_differ(
        self, snapshot: CheckSnapshot, different: set[TouchedKey], executed: GtidSet
    ) -> bool:
        """Whether some differ although nothing can be behind and nobody has written them."""
        if not self._drained_to(executed):
            return False
        with self.pools.begin(self.target) as target:
            unmoved = (
                set(touched_keys(target, self.table, snapshot.keys, _KEYS_AT_ONCE)) & different
            )
        if not unmoved:
            return False
        ordered = sorted(unmoved, key=lambda one: one.key)
        still, executed = self._compare(ordered)
        if not still or not self._drained_to(executed):
            return False
        with self.pools.begin(self.target) as target:
            now = set(touched_keys(target, self.table, snapshot.keys, _KEYS_AT_ONCE))
        return bool(still & now)

    # --- both -------------------------------------------------------------------------

    def _drained_to(self, wanted: GtidSet) -> bool:
        def drained() -> bool:
            with self.pools.begin(self.target) as target:
                state = read_stream(target, self.table.migration_id)
            return state.position.contains(wanted)

        return wait_until(drained, self.settings.drain_wait_s, _POLL_S)


def _others(found: dict[Bound, int], named: set[Bound]) -> dict[Bound, int]:
    return {key: bits for key, bits in found.items() if key not in named}
