"""Repairs a chunk that really differs: deletes its rows and copies them again.

All rows but those that have been touched since: these are the stream's, and a later verification's,
so a chunk is repaired however busy it is. As in a verification (pair.py) the last batch applied is
noted, reads on the source see what that contained, a snapshot of the source is opened, and the
position contains all that the source had executed by then. Then, in one transaction and under the
lock of the stream's row, so that no batch commits: the log says which keys later batches have
touched, and the other rows are deleted and written as the snapshot has them. A row of the snapshot
that no later batch has touched is one that the target has to have, so nothing is undone.

A batch that is just being written waits for the rows' locks, or we for its. Only where it has found
no row to delete has it nothing to wait for. If that is a row that we bring, it is found by the
chunk's verification, which comes after every repair; or, once that has begun, by its key's.

An alter's rows are read while they are written, on the same server, and so later than the snapshot.
What has changed in between is in batches to come: its keys are in the log then, and are verified.

Under the same lock it is asked whether the repair is still wanted: the attempt is the latest one on
the chunk, whose bounds have not changed since, and the stage is one that repairs. So a repair that
was delayed can't write over what the application has written to the target since the switch.

On an alter's way back nothing is repaired. Its target may hold what the source does not have: the
columns that the change has dropped, and what was written between the proof and the swap. A row that
is copied again would lose that. A difference stops the way back, for a person to mend it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NoReturn

from sqlalchemy import Connection

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
from pipeline.errors import FatalError, FencedError, RetryableError
from pipeline.mysql.failures import driver_errors, made_way
from pipeline.mysql.keyrange import Bound, KeyRange, RangeWithout
from pipeline.mysql.pools import lenient_sql_mode, run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.writers import other_writers
from pipeline.pausepoints import Point, reached
from pipeline.rows.key_log import keys_in_range
from pipeline.strategy.choice import strategy_of

_TRIES = 5  # the stream writes rows before it asks for the lock under which we write: a deadlock
_LATER_AT_MOST = 5_000  # each statement lists them, while no batch commits


@dataclass(frozen=True)
class Repair:
    """What is repaired, and from where: the source's rows are those of a snapshot."""

    claim: CheckClaim
    keys: KeyRange
    found: str
    source: Connection
    batch: int  # the last one applied before


@dataclass(frozen=True)
class Repairer:
    """Repairs chunks of one table."""

    sides: TableSides

    @property
    def table(self) -> MigrationTable:
        return self.sides.table

    def repair(self, claim: CheckClaim, keys: KeyRange, found: str) -> None:
        """Repair the chunk of `claim`; `found`: the keys of the rows that differ, for a person.

        Raises:
            FatalError: it has been repaired too often already, or can't be repaired; names the
                keys that differ.
            FencedError: it is not wanted any more.
            RetryableError: one side is too far behind, or too much is being written.
        """
        if self.table.keeps_differences:
            self._stop(claim, keys, found)
        sides = self.sides
        with sides.pools.begin(sides.target) as target:
            repairs = repairs_so_far(target, claim)
            stream = read_stream(target, self.table.migration_id)
        if repairs >= sides.settings.repairs:
            self._give_up(found, repairs)
        if not sides.source_sees(stream.position):
            raise self._void(f"{sides.source} does not show yet what was applied")
        with sides.pools.snapshot(sides.source) as source:
            if not sides.target_has_caught_up(source, committing=True):
                raise self._void(f"{sides.target} does not catch up in time")
            reached(Point.REPAIR_READ)
            self._until_written(Repair(claim, keys, found, source, stream.batches))

    def _stop(self, claim: CheckClaim, keys: KeyRange, found: str) -> NoReturn:
        with self.sides.pools.begin(self.sides.target) as target:
            self._require_wanted(target, claim, keys)
        table = self.table
        raise FatalError(
            f"{table.target} differs from {table.source}, at the keys {found}.{self._writers()}",
            f"Nothing was repaired, since {table.target} may hold what {table.source} does not"
            f" have. {table.source} stays in use. Correct these rows of {table.target} and resume,"
            " or abort.",
        )

    def _until_written(self, repair: Repair) -> None:
        for tried in range(1, _TRIES + 1):
            try:
                self._write(repair)
                return
            except RetryableError as error:
                if tried == _TRIES or not made_way(error):
                    raise

    def _void(self, why: str) -> RetryableError:
        return RetryableError(f"{self.table.source} differs and is not repaired yet: {why}.")

    def _writers(self) -> str:
        """Who else has written to the target table lately, if its server can tell."""
        try:
            with self.sides.pools.begin(self.sides.target) as target:
                found = other_writers(target, self.table.target)
        except FatalError:
            return ""  # no privilege on performance_schema, or no such table there
        return f" Written lately by {'; '.join(found)}." if found else ""

    def _give_up(self, found: str, repairs: int) -> None:
        raise FatalError(
            f"{self.table.source} still differs after {repairs} repairs, at the keys"
            f" {found}.{self._writers()}",
            "Compare these rows on both servers: something else writes to the target, or it can't"
            " hold a value.",
        )

    def _write(self, repair: Repair) -> None:
        sides, table, writers = self.sides, self.table, self._writers()
        with driver_errors(sides.target), sides.pools.engine(sides.target).begin() as target:
            read_stream(target, table.migration_id, lock=True)
            self._require_wanted(target, repair.claim, repair.keys)
            lines = later_lines(target, table, repair.batch)
            later = keys_in_range(target, table, lines, repair.keys, _LATER_AT_MOST + 1)
            if len(later) > _LATER_AT_MOST:
                raise self._void("too much of it is being written")
            reached(Point.REPAIR_LOCKED)
            self._rewrite(target, repair, later)
            count_repair(target, repair.claim)
            what = (
                f"{table.source} chunk {repair.claim.first} {repair.keys} differed, at the keys"
                f" {repair.found}; it is copied again.{writers}"
            )
            log_event(target, table.migration_id, EventKind.DIFFERENCE, what, Role.CHECKSUM)

    def _rewrite(self, target: Connection, repair: Repair, later: list[Bound]) -> None:
        """Delete the rows and write them again, but those with one of the keys `later`."""
        table, keys = self.table, repair.keys
        here = RangeWithout(keys.lower, keys.upper, table.definition, later)
        there = replace(here, table=table.target_table)
        write = strategy_of(table).read_chunk(repair.source, self.sides.source_name, here)
        with lenient_sql_mode(target, table):
            condition = there.condition(table.target_table.key)
            run(target, f"DELETE FROM {quote_name(table.target)} WHERE {condition}")
            write(target)

    def _require_wanted(self, target: Connection, claim: CheckClaim, keys: KeyRange) -> None:
        stage = read_migration(target, self.table.migration_id).stage
        if stage not in STAGES_THAT_REPAIR:
            raise FencedError(f"Nothing is repaired in {stage}.")
        if key_range(target, self.table, claim.first) != keys:
            raise FencedError(f"Chunk {claim.first} of {self.table.source} has other bounds now.")
