"""Verifies what was touched, in the order of the batches, whatever chunks it falls into.

A slice is a stretch of the touched key log, from its beginning. Note the last batch applied, b, and
take a slice of what the log has up to b. Once reads on the source see what b contained, open both
sides (pair.py) and digest the slice's keys on both. A key that a batch later than b has touched may
differ, and is taken out of both digests (an XOR); it stays in the log under that batch. The rest
must be equal, and then the slice is deleted: just the rows that were read, since no batch up to b
is still to come.

If the rest is not equal, it is compared row by row. The chunks that hold the rows which differ are
to be verified in full again, in the transaction that deletes the slice: from then on it is the
chunk's verification that vouches for those rows. If somebody else has settled the whole slice
meanwhile, nothing changes.

No slice reaches beyond the batch at which a verification in full began that is still going on: that
one needs the log from there on, to know which rows may differ.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial

from sqlalchemy import Connection

from pipeline.checksum.digest import digest_without, row_digests
from pipeline.checksum.pair import Pair, looked_at_twice, opened
from pipeline.checksum.sides import TableSides
from pipeline.control.chunk_checks import first_claimed_batch, require_again
from pipeline.control.chunk_map import chunks_of
from pipeline.control.streams import StreamState, read_stream
from pipeline.control.touched_keys import (
    LogSlice,
    first_slice,
    forget_slice,
    is_whole,
    later_lines,
    note_keys_compared,
)
from pipeline.domain.migration import MigrationTable
from pipeline.mysql.keyrange import Bound
from pipeline.rows.key_log import keys_in_both, keys_of
from pipeline.strategy.choice import strategy_of

log = logging.getLogger(__name__)
_KEYS_AT_ONCE = 20_000  # the waits of a slice are shared by so many keys of the log
_CONVERTED_AT_ONCE = 5_000  # one statement lists all their keys


@dataclass(frozen=True)
class Taken:
    """A slice, and the keys in it."""

    part: LogSlice
    keys: Sequence[Bound]


@dataclass(frozen=True)
class Compared:
    """What comparing a slice came to: the keys of the rows that differ; true if there are any."""

    different: Sequence[Bound]
    seconds: float  # without the waits

    def __bool__(self) -> bool:
        return bool(self.different)


class SliceVerdict(Enum):
    """How a slice ended."""

    NOTHING_LEFT = "nothing left"
    EQUAL = "equal"
    DIFFERENT = "different"  # chunks have to be verified in full again
    INCONCLUSIVE = "inconclusive"  # the stream is too far behind; try again later


@dataclass(frozen=True)
class KeyVerifier:
    """Verifies the touched keys of one table."""

    sides: TableSides

    def verify_for(self, seconds: float) -> SliceVerdict:
        """Verify one slice after the other; returns how the last one ended."""
        deadline = time.monotonic() + seconds
        while True:
            verdict = self.verify_slice()
            done = verdict in (SliceVerdict.NOTHING_LEFT, SliceVerdict.INCONCLUSIVE)
            if done or time.monotonic() >= deadline:
                return verdict

    def verify_slice(self) -> SliceVerdict:
        """Verify the oldest touched keys."""
        began = time.monotonic()
        stream, taken = self._take()
        if taken is None:
            return SliceVerdict.NOTHING_LEFT
        if not self.sides.source_sees(stream.position):
            return SliceVerdict.INCONCLUSIVE
        compared = looked_at_twice(partial(self._compare, taken, stream.batches))
        if compared is None:
            return SliceVerdict.INCONCLUSIVE
        log.info("%d touched keys in %.2f s", len(taken.keys), time.monotonic() - began)
        return self._settle(taken, compared)

    @property
    def _table(self) -> MigrationTable:
        return self.sides.table

    def _take(self) -> tuple[StreamState, Taken | None]:
        table = self._table
        in_place = strategy_of(table).compares_in_place
        with self.sides.pools.begin(self.sides.target) as target:
            # Under the lock: an attempt that has noted its batch has also said so.
            stream = read_stream(target, table.migration_id, lock=True)
            claimed = first_claimed_batch(target, table)
        last = stream.batches if claimed is None else min(claimed, stream.batches)
        with self.sides.pools.begin(self.sides.target) as target:
            most = _KEYS_AT_ONCE if in_place else _CONVERTED_AT_ONCE
            part = first_slice(target, table, last, most)
            if part is None:
                return stream, None
            return stream, Taken(part, keys_of(target, table, part.lines))

    def _compare(self, taken: Taken, batch: int, committing: bool) -> Compared | None:
        """None if the target does not catch up in time."""
        source_rows = self.sides.source_rows.keys(taken.keys)
        with opened(self.sides, source_rows, committing=committing) as pair:
            if pair is None:
                return None
            began = time.monotonic()
            later = self._touched_later(pair.target.connection, taken, batch)
            ours, theirs = pair.both(lambda rows: digest_without(rows, taken.keys, later))
            seconds = time.monotonic() - began
            different = [] if ours == theirs else _different(pair, taken.keys, later)
            return Compared(different, seconds)

    def _touched_later(self, target: Connection, taken: Taken, batch: int) -> list[Bound]:
        later = later_lines(target, self._table, batch)
        return keys_in_both(target, self._table, taken.part.lines, later)

    def _settle(self, taken: Taken, compared: Compared) -> SliceVerdict:
        with self.sides.pools.begin(self.sides.target) as target:
            if compared:
                self._send_back(target, taken, compared.different)
            else:
                forget_slice(target, self._table, taken.part)
            # Last: whoever records a verification in full locks that row last, too.
            note_keys_compared(target, self._table, len(taken.keys), compared.seconds)
        return SliceVerdict.DIFFERENT if compared else SliceVerdict.EQUAL

    def _send_back(self, target: Connection, taken: Taken, different: Sequence[Bound]) -> None:
        table, part = self._table, taken.part
        read_stream(target, table.migration_id, lock=True)  # no chunk is cut
        # Which keys were touched later is read from the log: where a part of it has gone meanwhile,
        # a key of that part may have been, and differs for no other reason.
        if is_whole(target, table, part) and forget_slice(target, table, part):
            numbers = chunks_of(target, table, different)
            log.warning("%d rows differ, in chunks %s", len(different), sorted(numbers))
            require_again(target, table, numbers)


def _different(pair: Pair, keys: Sequence[Bound], later: Sequence[Bound]) -> list[Bound]:
    """The keys, as the rows have them, of rows that differ and that nobody has touched since.

    A key of the log may be equal by collation only to that of the row which it finds.
    """
    here, there = pair.both(lambda rows: row_digests(rows, keys))
    ours, theirs = pair.both(lambda rows: row_digests(rows, later).keys())
    apart = ours | theirs
    return sorted(
        key for key in here.keys() | there.keys() if here.get(key) != there.get(key)
        and key not in apart
    )  # fmt: skip
