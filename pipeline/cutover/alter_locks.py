"""The two connections of a swap: one locks the table, the other waits to rename it.

    lock      LOCK TABLES t WRITE, t_tranship_old WRITE     nobody else reads or writes `t` now
    rename    RENAME TABLE t TO t_tranship_old, t_tranship_new TO t                      waits
    lock      … drain, verify …
    lock      DROP TABLE t_tranship_old                     the sentry is gone
    lock      UNLOCK TABLES                                 the rename is first in line for `t`

This follows gh-ost and Vitess, except for the names. A rename takes its locks in the order of the
names. If the sentry's name sorts before `t`, as theirs does, the rename waits for the sentry, and
comes for `t` only a moment after the sentry is dropped; a write that has been waiting for `t` may
get in before it, after the last verification, and stays behind in the old table (tried: in one of
sixty swaps under six writers). Here `t` sorts first. The rename is seen waiting for `t` before
anything is drained or verified, and from then on it goes before every write, whether the lock is
released or its connection dies; and it is the sentry that protects against the latter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.alter.temporary import make_temporaries
from pipeline.cutover.blockers import waits_for
from pipeline.cutover.lock_wait import Waiting
from pipeline.domain.migration import MigrationTable
from pipeline.errors import RetryableError, known
from pipeline.mysql.failures import driver_errors
from pipeline.mysql.pools import connection_id, end_of_work, kill_connection, run
from pipeline.mysql.quoting import quote_name
from pipeline.pausepoints import Point, reached
from pipeline.preflight.alters import FEWEST_WRITE_LOCKS
from pipeline.step.context import Context

POLL_S = 0.01
_RENAME_COMES_S = 2.0
_MORE_S = 10  # the rename outlives the lock that it waits for; it is killed, not timed out


@dataclass
class Swap:
    """One attempt. `close` undoes what it has begun, unless the swap has happened."""

    context: Context
    table: MigrationTable
    lock: Connection
    rename: Connection
    limit_s: float
    _locking: Waiting | None = None
    _renaming: Waiting | None = None

    @property
    def numbers(self) -> tuple[int, int]:
        """The numbers of the lock connection and of the rename connection."""
        return connection_id(self.lock), connection_id(self.rename)

    @property
    def statement(self) -> str:
        table = self.table
        return (
            f"RENAME TABLE {quote_name(table.source)} TO {quote_name(table.retired_name)},"
            f" {quote_name(table.target)} TO {quote_name(table.source)}"
            f" /* tranship {table.migration_id} */"
        )

    def lock_table(self, while_waiting: Callable[[float], None]) -> None:
        """Lock the table and the sentry; `while_waiting` is called with the seconds so far.

        Raises:
            RetryableError: somebody holds the table for longer than the limit.
        """
        names = (self.table.source, self.table.retired_name)
        locked = ", ".join(f"{quote_name(name)} WRITE" for name in names)
        statement = f"LOCK TABLES {locked}"
        self._locking = waiting = Waiting(self._raw(self.lock), statement, self._server)
        began = time.monotonic()
        while not waiting.ended(POLL_S):
            while_waiting(time.monotonic() - began)
        waiting.result()

    def send_rename(self) -> None:
        """Send the rename, and see it wait.

        Raises:
            RetryableError: it does not.
        """
        self._renaming = Waiting(self._raw(self.rename), self.statement, self._server)
        number = connection_id(self.rename)
        deadline = time.monotonic() + _RENAME_COMES_S
        while time.monotonic() < deadline and not self._renaming.ended(POLL_S / 10):
            with self.context.source() as source:
                if waits_for(source, number, self.table.source):
                    return
        raise RetryableError(f"The rename is not seen waiting for {self.table.source}.")

    def check(self) -> None:
        """
        Raises:
            RetryableError: a connection is lost, or the rename no longer waits, or not first.
        """
        with driver_errors(self._server):
            ((count,),) = run(self.lock, "SELECT @@GLOBAL.max_write_lock_count").rows
        if int(count) < FEWEST_WRITE_LOCKS:
            raise RetryableError(
                f"max_write_lock_count is {count} on {self._server}: a write might go first."
            )
        if self._sent.ended():
            self._sent.result()
            raise RetryableError("The rename did not wait.")

    def let_through(self) -> None:
        """Drop the sentry and unlock.

        Raises:
            RetryableError: only the server can say whether the swap has happened.
        """
        with driver_errors(self._server):
            run(self.lock, f"DROP TABLE {quote_name(self.table.retired_name)}")
            reached(Point.SENTRY_DROPPED)
            run(self.lock, "UNLOCK TABLES")
        if not self._sent.ended(self.limit_s + _MORE_S):
            raise RetryableError("The rename does not end.")
        self._sent.result()

    @property
    def _sent(self) -> Waiting:
        return known(self._renaming, "the rename that was sent")

    def close(self) -> None:
        """End the rename first, then release the lock."""
        try:
            for waiting, connection in (
                (self._renaming, self.rename),
                (self._locking, self.lock),
            ):
                if waiting is not None and not waiting.ended():
                    kill_connection(self.context.pools, self._server, connection_id(connection))
                    waiting.ended(_RENAME_COMES_S)
        finally:
            for connection in (self.rename, self.lock):
                end_of_work(connection)

    def _raw(self, connection: Connection) -> object:
        return connection.connection.driver_connection

    @property
    def _server(self) -> str:
        return self.context.migration.source


@contextmanager
def open_swap(context: Context, limit_s: float) -> Iterator[Swap]:
    """Both connections, with their waits bounded; closed in the right order afterwards."""
    (table,) = context.tables
    engine = context.pools.engine(context.migration.source)
    lock, rename = engine.connect(), engine.connect()
    swap = Swap(context, table, lock, rename, limit_s)
    try:
        with driver_errors(context.migration.source):
            seconds = max(1, round(limit_s))
            # Without transactions: the lock must outlast what is read under it.
            run(lock, f"SET SESSION autocommit = 1, lock_wait_timeout = {seconds}")
            make_temporaries(lock, table)
            wait = 2 * seconds + _MORE_S
            run(rename, f"SET SESSION lock_wait_timeout = {wait}, foreign_key_checks = 1")
        yield swap
    finally:
        with suppress(RetryableError):
            swap.close()
