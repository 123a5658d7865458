"""Verifies one chunk in full while both sides are being written.

Claim the chunk, and note the number of the last batch applied; wait until reads on the source see
what that contained. Digest the source's rows in a snapshot; wait until the position contains
everything that the source had executed by then; digest the target's rows in a snapshot, together
with the keys touched in later batches. Rows with those keys may differ, and are taken out of both
digests (an XOR: each side computes them from the same snapshot). The rest was last changed at or
before the source's snapshot, so it must be equal, however busy the table is. If it isn't, that is
a real difference, and is repaired. If it is, only keys touched in later batches are still unproved,
and those are in the touched key log (verify_keys.py).

A chunk is recorded as verified in full only if no later attempt on it has begun.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Connection

from pipeline.checksum.digest import keys_digest, range_digest
from pipeline.checksum.repair import Repairer
from pipeline.checksum.row_sources import target_rows
from pipeline.checksum.sides import TableSides
from pipeline.control.chunk_checks import (
    CheckClaim,
    claim_check,
    record_fully_verified,
    release_check,
)
from pipeline.control.chunk_map import key_range
from pipeline.control.streams import read_stream
from pipeline.control.touched_keys import range_touched_later
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.keyrange import KeyRange
from pipeline.pausepoints import Point, reached

_LATER_AT_MOST = 5000


class Verdict(Enum):
    """How an attempt ended."""

    VERIFIED = "verified"
    INCONCLUSIVE = "inconclusive"  # it was written meanwhile; try again later
    REPAIRED = "repaired"  # it really differed; try again
    NOT_NEEDED = "verified already"


@dataclass(frozen=True)
class Begun:
    """An attempt, and what was known before any row was read."""

    claim: CheckClaim
    keys: KeyRange
    batch: int  # the last one applied
    position: GtidSet


@dataclass(frozen=True)
class ChunkVerifier:
    """Verifies chunks of one table in full."""

    sides: TableSides

    def verify(self, number: int) -> Verdict:
        """Verify chunk `number` once.

        Raises:
            FatalError: it still differs after `settings.repairs` repairs; names the keys.
            FencedError: a later attempt has begun; nothing of ours stays.
        """
        begun = self._begin(number)
        if begun is None:
            return Verdict.NOT_NEEDED
        verdict = Verdict.INCONCLUSIVE
        try:
            verdict = self._verify(begun)
        finally:
            again_s = self.sides.settings.recheck_s if verdict is Verdict.INCONCLUSIVE else 0
            with self._target() as target:
                release_check(target, begun.claim, again_s)
        return verdict

    def _target(self) -> AbstractContextManager[Connection]:
        return self.sides.pools.begin(self.sides.target)

    def _begin(self, number: int) -> Begun | None:
        table = self.sides.table
        with self._target() as target:
            stream = read_stream(target, table.migration_id, lock=True)
            claim = claim_check(target, table, number, stream.batches)
            keys = key_range(target, table, number)
        if claim is None:
            return None
        return Begun(claim, keys, stream.batches, stream.position)

    def _verify(self, begun: Begun) -> Verdict:
        if not self.sides.source_sees(begun.position):
            return Verdict.INCONCLUSIVE
        equal = self._is_equal(begun)
        if equal is None:
            return Verdict.INCONCLUSIVE
        if equal:
            with self._target() as target:
                record_fully_verified(target, begun.claim)
            return Verdict.VERIFIED
        repaired = Repairer(self.sides).repair(begun.claim, begun.keys)
        return Verdict.REPAIRED if repaired else Verdict.INCONCLUSIVE

    def _is_equal(self, begun: Begun) -> bool | None:
        """None: the target is too far behind, or too much was touched meanwhile."""
        sides = self.sides
        with sides.source_rows.range(begun.keys) as source:
            ours = range_digest(source, begun.keys)
            reached(Point.VERIFY_SOURCE_READ)
            if not sides.target_has_caught_up(source.connection):
                return None
            with sides.pools.snapshot(sides.target) as target:
                later = range_touched_later(
                    target, sides.table, begun.keys, begun.batch, _LATER_AT_MOST + 1
                )
                if len(later) > _LATER_AT_MOST:
                    return None
                there = target_rows(target, sides.table)
                theirs = range_digest(there, begun.keys).without(keys_digest(there, later))
            reached(Point.VERIFY_TARGET_READ)
            return ours.without(keys_digest(source, later)) == theirs
