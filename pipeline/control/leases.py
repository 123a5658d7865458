"""Leases with epochs: who holds a role, and the fence that shuts an older holder out (I2).

A lease can be taken when it has expired or was released; taking it raises the epoch. Its holder
proves itself with `fence` inside the very transaction that it commits: one row matches its epoch,
or the transaction rolls back. So a process that was paused for an hour and wakes up may compute
what it likes, but can commit nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select, update
from sqlalchemy.dialects.mysql import insert

from pipeline.control.schema import NOW, ahead, leases
from pipeline.domain.role import Role
from pipeline.errors import FencedError, RetryableError, known

_RENEWALS = 3  # in the time of a lease: one may come late, and one may fail
_TRIES = 3  # in the time of a renewal, while they fail


@dataclass(frozen=True)
class Lease:
    """A role held under an epoch."""

    migration_id: str
    role: Role
    epoch: int
    owner: str
    ttl_s: float


class Renewal:
    """Renews a lease in time, however often it is asked to."""

    def __init__(
        self, held: Lease, renew: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ttl_s, self._every_s = held.ttl_s, held.ttl_s / _RENEWALS
        self._renew, self._clock = renew, clock
        self._renewed_at = clock()
        self._due_at = self._renewed_at + self._every_s

    def keep(self) -> None:
        """Renew if it is time to. Trouble that passes is no harm while the lease is good.

        Raises:
            FencedError: somebody else has the role now.
            RetryableError: it could not be renewed in time, so somebody else may have it.
        """
        now = self._clock()
        if now <= self._due_at:
            return
        try:
            self._renew()
        except RetryableError:
            if self._clock() - self._renewed_at >= self._ttl_s:
                raise
            self._due_at = self._clock() + self._every_s / _TRIES
        else:
            self._note(now)  # as of when it was asked for: the answer may have come late

    def renewed(self) -> None:
        """Note that something else has just renewed it; each fenced transaction does."""
        self._note(self._clock())

    def _note(self, moment: float) -> None:
        self._renewed_at, self._due_at = moment, moment + self._every_s


@dataclass(frozen=True)
class Holder:
    """Who holds a role now, and whether the lease is still good."""

    owner: str | None
    epoch: int
    connection_id: int | None
    alive: bool
    expires_at: datetime
    expired_s: float  # how long ago; negative while it is good

    def held_at(self, moment: datetime) -> bool:
        """Whether the lease was still good then, by the control server's clock."""
        return self.owner is not None and self.expires_at >= moment


def take_lease(
    connection: Connection,
    migration_id: str,
    role: Role,
    owner: str,
    ttl_s: float,
    connection_id: int | None = None,
) -> Lease | None:
    """Take the role if nobody holds it now; None if somebody does."""
    connection.execute(
        insert(leases)
        .values(migration_id=migration_id, role=role, epoch=0, expires_at=NOW)
        .on_duplicate_key_update(epoch=leases.c.epoch)
    )
    taken = connection.execute(
        update(leases)
        .where(
            leases.c.migration_id == migration_id,
            leases.c.role == role,
            or_(leases.c.owner.is_(None), leases.c.expires_at < NOW),
        )
        .values(
            epoch=leases.c.epoch + 1,
            owner=owner,
            connection_id=connection_id,
            expires_at=ahead(ttl_s),
        )
    )
    if taken.rowcount != 1:
        return None
    held = known(holder(connection, migration_id, role), "a lease just taken")
    return Lease(migration_id, role, held.epoch, owner, ttl_s)


def fence(connection: Connection, held: Lease) -> None:
    """Prove, in the transaction of `connection`, that `held` is still ours; this also renews it.

    Raises:
        FencedError: a later epoch exists. The transaction must be rolled back.
    """
    matched = connection.execute(
        update(leases)
        .where(
            leases.c.migration_id == held.migration_id,
            leases.c.role == held.role,
            leases.c.epoch == held.epoch,
            leases.c.owner == held.owner,
        )
        .values(expires_at=ahead(held.ttl_s))
    )
    if matched.rowcount != 1:
        raise FencedError(f"The {held.role} role of {held.migration_id} is not ours any more.")


def release_lease(connection: Connection, held: Lease) -> None:
    """Release the role at once, so that the next holder need not wait for its expiry."""
    connection.execute(
        update(leases)
        .where(
            leases.c.migration_id == held.migration_id,
            leases.c.role == held.role,
            leases.c.epoch == held.epoch,
        )
        .values(owner=None, connection_id=None, expires_at=NOW)
    )


def revoke_lease(connection: Connection, migration_id: str, role: Role) -> None:
    """Shut out whoever holds the role: once this commits, no transaction of theirs does.

    Their connection stays noted: whoever takes the role next ends it.
    """
    connection.execute(
        update(leases)
        .where(leases.c.migration_id == migration_id, leases.c.role == role)
        .values(epoch=leases.c.epoch + 1, owner=None, expires_at=NOW)
    )


def holder(connection: Connection, migration_id: str, role: Role) -> Holder | None:
    """Who holds the role; None if it was never taken."""
    row = connection.execute(
        select(
            leases.c.owner,
            leases.c.epoch,
            leases.c.connection_id,
            (leases.c.owner.is_not(None) & (leases.c.expires_at >= NOW)).label("alive"),
            leases.c.expires_at,
            NOW.label("now"),
        ).where(leases.c.migration_id == migration_id, leases.c.role == role)
    ).one_or_none()
    if row is None:
        return None
    expired_s = (row.now - row.expires_at).total_seconds()
    return Holder(
        row.owner, row.epoch, row.connection_id, bool(row.alive), row.expires_at, expired_s
    )
