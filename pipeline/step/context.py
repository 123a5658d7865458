"""The context passed to every coordinator step, and what a step is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from sqlalchemy import Connection

from pipeline.configuration.settings import Settings
from pipeline.control.events import log_event
from pipeline.control.leases import Lease, fence
from pipeline.control.migrations import lock_migration, transition
from pipeline.control.stage_change import NOTHING_ELSE, StageChange
from pipeline.domain.event_kind import EventKind
from pipeline.domain.migration import Migration, MigrationTable
from pipeline.domain.stages import Stage, allowed
from pipeline.errors import DefectError, RetryableError
from pipeline.mysql.pools import Pools
from pipeline.step.ddl import ddl_connection


class Messenger(Protocol):
    """Sends work out. A message may get lost or arrive twice; neither does harm."""

    def copy_chunk(self, target: str, table: MigrationTable, number: int) -> None: ...

    def verify_chunk(self, target: str, table: MigrationTable, number: int) -> None: ...

    def verify_keys(self, target: str, table: MigrationTable) -> None: ...

    def serve_stream(self, target: str, migration_id: str) -> None: ...


class Outcome(Enum):
    """How a step ended: in another stage, waiting here, or with nothing more to do now."""

    ADVANCED = "advanced"
    POLL = "poll"
    WAIT = "wait"


@dataclass(frozen=True)
class Context:
    """One migration, as the holder of its coordinator lease sees it."""

    pools: Pools
    target: str
    lease: Lease
    messenger: Messenger
    migration: Migration
    tables: list[MigrationTable]

    @property
    def settings(self) -> Settings:
        return self.pools.settings

    @contextmanager
    def control(self) -> Iterator[Connection]:
        """A transaction on the control schema; it commits only while the role is ours (I2).

        Raises:
            FencedError: somebody else coordinates now; nothing of it stays.
        """
        with self.pools.begin(self.target) as connection:
            yield connection
            fence(connection, self.lease)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction on the control schema that only reads.

        The fence of `control` is a write, which the server flushes at each commit: too slow a way
        to ask something again and again while writes are blocked.
        """
        with self.pools.begin(self.target) as connection:
            yield connection

    @contextmanager
    def source(self) -> Iterator[Connection]:
        with self.pools.begin(self.migration.source) as connection:
            yield connection

    @contextmanager
    def ddl(
        self, server: str | None = None, lock_wait_s: int | None = None
    ) -> Iterator[Connection]:
        """A connection to the target, or to `server`, for what commits by itself (step/ddl.py).

        Raises:
            FencedError: somebody else coordinates now.
        """
        where = server or self.target
        with ddl_connection(self.pools, self.target, self.lease, where, lock_wait_s) as connection:
            yield connection

    def enter(self, new: Stage, message: str, change: StageChange = NOTHING_ELSE) -> Outcome:
        """Go to stage `new`; fenced, and recorded in the event log.

        Raises:
            FencedError: somebody else coordinates now.
        """
        with self.control() as control:
            self.enter_in(control, new, message, change)
        return Outcome.ADVANCED

    def enter_in(
        self, control: Connection, new: Stage, message: str, change: StageChange = NOTHING_ELSE
    ) -> None:
        """Like `enter`, in the transaction of `control` and together with what else it holds."""
        old = self.migration.stage
        if not allowed(old, new):
            raise DefectError(f"{new} may not follow {old}")
        if new is Stage.BLOCKING:
            self._require_same_request(control)
        transition(control, self.lease, old, new, message, change)

    def _require_same_request(self, control: Connection) -> None:
        """What was prepared for the cut-over is what is asked for now."""
        if lock_migration(control, self.migration.id).request != self.migration.request:
            raise RetryableError("What is asked for was changed meanwhile.")

    def note(self, kind: EventKind, message: str) -> None:
        """Write to the event log."""
        with self.control() as control:
            self.note_in(control, kind, message)

    def note_in(self, control: Connection, kind: EventKind, message: str) -> None:
        """Like `note`, in the transaction of `control` and together with what else it holds."""
        log_event(control, self.migration.id, kind, message, self.lease.owner)

    def renew(self) -> None:
        with self.control() as control:
            fence(control, self.lease)

    def at(self, stage: Stage) -> Context:
        """This context once `enter` has led to `stage`."""
        return replace(self, migration=replace(self.migration, stage=stage))


Step = Callable[[Context], Outcome]
"""What `advance` does in a stage: re-entrant, and short unless writes are blocked."""
