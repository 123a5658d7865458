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
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from functools import partial

from sqlalchemy import Connection

from pipeline.checksum.digest import differing_keys, range_digest_without
from pipeline.checksum.pair import Pair, looked_at_twice, opened
from pipeline.checksum.repair import Repairer
from pipeline.checksum.sides import TableSides
from pipeline.control.chunk_checks import (
    CheckClaim,
    check_failures,
    claim_checks,
    record_fully_verified,
    release_check,
    renew_check,
)
from pipeline.control.chunk_map import key_range
from pipeline.control.streams import read_stream
from pipeline.control.touched_keys import KeyLines, later_lines
from pipeline.errors import FencedError, RetryableError, UnreachableError
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.keyrange import Bound, KeyRange
from pipeline.renewal import renewed
from pipeline.rows.key_log import keys_in_range, keys_in_ranges

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


@dataclass
class ChunkVerifier:
    """Verifies chunks of one table in full. `source_s`: for how long it has read the source."""

    sides: TableSides
    source_s: float = 0.0

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
                # A server that is away must not use up the errors in a row.
                errors = 0 if isinstance(error, FencedError | UnreachableError) else 1
                release_check(target, claim, self._again_s(target, error, claim), errors)
        except RetryableError as trouble:  # it is sent again when nobody renews it any more
            log.warning("%s", trouble)

    def _again_s(self, target: Connection, error: Exception, claim: CheckClaim) -> float:
        """After how many seconds an attempt is made again that ended in `error`."""
        settings = self.sides.settings
        if isinstance(error, FencedError):
            # Void because one chunk of several is to be verified again: the others wait less.
            return settings.recheck_s
        if isinstance(error, UnreachableError):
            return settings.resend_s  # a server that is away is not asked again at once
        # One error has passed by now, as it may seem; a second one in a row has not.
        in_a_row = check_failures(target, self.sides.table, claim.first)
        return settings.resend_s if in_a_row else 0

    def _verify(self, begun: Begun) -> Verdict:
        if not self.sides.source_sees(begun.position):
            return Verdict.INCONCLUSIVE
        different = looked_at_twice(partial(self._compare, begun))
        if different is None:
            return Verdict.INCONCLUSIVE
        with self._target() as target:
            record_fully_verified(target, begun.claim, list(different))
        for number, found in different.items():
            self._repair(begun.claim.of(number), found)
        return Verdict.REPAIRED if different else Verdict.VERIFIED

    def _repair(self, claim: CheckClaim, found: str) -> None:
        with self._target() as target:
            keys = key_range(target, self.sides.table, claim.first)
        Repairer(self.sides).repair(claim, keys, found)

    def _compare(self, begun: Begun, committing: bool) -> dict[int, str] | None:
        """The chunks that differ, each with the keys of its rows that do, for a person.

        None: the target is too far behind, or too much was touched.
        """
        source_rows = self.sides.source_rows.range(begun.keys)
        with opened(self.sides, source_rows, committing=committing) as pair:
            if pair is None:
                return None
            target, table = pair.target.connection, self.sides.table
            lines = later_lines(target, table, begun.batch)
            later = keys_in_range(target, table, lines, begun.keys, _LATER_AT_MOST + 1)
            if len(later) > _LATER_AT_MOST:
                return None
            equal = _is_equal(pair, begun.keys, later)
            self.source_s += pair.source_s
            if equal:
                return {}
            return self._different(pair, begun.claim.numbers, lines)

    def _different(self, pair: Pair, numbers: Sequence[int], lines: KeyLines) -> dict[int, str]:
        """The chunks that differ; `lines`: the keys that later batches have touched."""
        target, table = pair.target.connection, self.sides.table
        chunks = {number: key_range(target, table, number) for number in numbers}
        later = keys_in_ranges(target, table, lines, list(chunks.values()))
        return {
            number: "; ".join(differing_keys(pair.source, pair.target, keys, some)) or "not known"
            for (number, keys), some in zip(chunks.items(), later, strict=True)
            if not _is_equal(pair, keys, some)
        }


def _is_equal(pair: Pair, keys: KeyRange, later: list[Bound]) -> bool:
    ours, theirs = pair.both(lambda rows: range_digest_without(rows, keys, later))
    return ours == theirs
