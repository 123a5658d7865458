"""Verifies adjoining chunks in full, as one, while both sides are being written.

Claim the chunks, and note the number of the last batch applied; wait until reads on the source see
what that contained. Open both sides (pair.py), and read from the target's snapshot which keys later
batches have touched. Rows with those keys may differ, and are taken out of both digests (an XOR:
each side computes them from the same snapshot). The rest must be equal. If it is, only keys touched
in later batches are still unproved, and those are in the touched key log (verify_keys.py). If it
isn't, each chunk is compared for itself, in the same snapshots; one that differs is repaired.

Chunks are recorded as verified in full only if no later attempt on them has begun. An attempt says
every few seconds that it is still going on, so that however long it takes, it is sent again only
when its worker is gone.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from functools import partial

from sqlalchemy import Connection

from pipeline.checksum.digest import range_digest_without
from pipeline.checksum.pair import Pair, looked_at_twice, opened
from pipeline.checksum.repair import Repairer
from pipeline.checksum.sides import TableSides
from pipeline.control.chunk_checks import (
    CheckClaim,
    claim_checks,
    record_fully_verified,
    release_check,
    renew_check,
)
from pipeline.control.chunk_map import key_range
from pipeline.control.streams import read_stream
from pipeline.control.touched_keys import later_lines
from pipeline.errors import FencedError, RetryableError, UnreachableError
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.keyrange import Bound, KeyRange
from pipeline.renewal import renewed
from pipeline.rows.key_log import keys_in_range

log = logging.getLogger(__name__)
_LATER_AT_MOST = 20_000


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
        """Verify once chunk `number`, and those that were sent with it.

        Raises:
            FatalError: one still differs after `settings.repairs` repairs; names the keys.
            FencedError: a later attempt has begun; nothing of ours stays.
        """
        begun = self._begin(number)
        if begun is None:
            return Verdict.NOT_NEEDED
        with renewed(lambda: self._renew(begun.claim), self.sides.settings.resend_s):
            try:
                verdict = self._verify(begun)
            except Exception as error:
                self._release_after(error, begun.claim)
                raise
            if verdict is not Verdict.VERIFIED:
                self._release(begun.claim, verdict)
        return verdict

    def _target(self) -> AbstractContextManager[Connection]:
        return self.sides.pools.begin(self.sides.target)

    def _begin(self, number: int) -> Begun | None:
        table = self.sides.table
        with self._target() as target:
            stream = read_stream(target, table.migration_id, lock=True)
            resend_s = self.sides.settings.resend_s
            claim = claim_checks(target, table, number, stream.batches, resend_s)
            if claim is None:
                return None
            keys = key_range(target, table, claim.first, claim.last)
        return Begun(claim, keys, stream.batches, stream.position)

    def _renew(self, claim: CheckClaim) -> None:
        with self._target() as target:
            renew_check(target, claim)

    def _release(self, claim: CheckClaim, verdict: Verdict) -> None:
        again_s = self.sides.settings.recheck_s if verdict is Verdict.INCONCLUSIVE else 0
        with self._target() as target:
            release_check(target, claim, again_s)

    def _release_after(self, error: Exception, claim: CheckClaim) -> None:
        try:
            with self._target() as target:
                # A server that is away must not use up the errors in a row; nor is it asked again
                # at once.
                errors = 0 if isinstance(error, FencedError | UnreachableError) else 1
                # Void because one chunk of several is to be verified again: the others wait less.
                settings = self.sides.settings
                void = isinstance(error, FencedError)
                again_s = settings.recheck_s if void else settings.resend_s
                release_check(target, claim, again_s, errors)
        except RetryableError as trouble:  # it is sent again when nobody renews it any more
            log.warning("%s", trouble)

    def _verify(self, begun: Begun) -> Verdict:
        if not self.sides.source_sees(begun.position):
            return Verdict.INCONCLUSIVE
        different = looked_at_twice(partial(self._compare, begun))
        if different is None:
            return Verdict.INCONCLUSIVE
        with self._target() as target:
            record_fully_verified(target, begun.claim, different)
        if not different:
            return Verdict.VERIFIED
        repairs = [self._repair(begun.claim.of(number)) for number in different]
        return Verdict.REPAIRED if any(repairs) else Verdict.INCONCLUSIVE

    def _repair(self, claim: CheckClaim) -> bool:
        with self._target() as target:
            keys = key_range(target, self.sides.table, claim.first)
        return Repairer(self.sides).repair(claim, keys)

    def _compare(self, begun: Begun, committing: bool) -> list[int] | None:
        """The chunks that differ; None: the target is too far behind, or too much was touched."""
        source_rows = self.sides.source_rows.range(begun.keys)
        with opened(self.sides, source_rows, committing=committing) as pair:
            if pair is None:
                return None
            later = self._touched_later(pair, begun.keys, begun.batch)
            if len(later) > _LATER_AT_MOST:
                return None
            if _is_equal(pair, begun.keys, later):
                return []
            return [
                number for number in begun.claim.numbers
                if not self._chunk_is_equal(pair, number, begun.batch)
            ]  # fmt: skip

    def _chunk_is_equal(self, pair: Pair, number: int, batch: int) -> bool:
        keys = key_range(pair.target.connection, self.sides.table, number)
        return _is_equal(pair, keys, self._touched_later(pair, keys, batch))

    def _touched_later(self, pair: Pair, keys: KeyRange, batch: int) -> list[Bound]:
        target, table = pair.target.connection, self.sides.table
        later = later_lines(target, table, batch)
        return keys_in_range(target, table, later, keys, _LATER_AT_MOST + 1)


def _is_equal(pair: Pair, keys: KeyRange, later: list[Bound]) -> bool:
    ours, theirs = pair.both(lambda rows: range_digest_without(rows, keys, later))
    return ours == theirs
