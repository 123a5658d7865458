"""A lease that is in use never expires for want of a renewal, nor costs one at each step."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pipeline.control.leases import Lease, Renewal
from pipeline.domain.role import Role
from pipeline.errors import FencedError, RetryableError

LEASE = Lease("m", Role.STREAM, 1, "me", ttl_s=30)


class Holder:
    """Counts its renewals, by a clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now, self.renewals = 0.0, list[float]()
        self.renewal = Renewal(LEASE, lambda: self.renewals.append(self.now), lambda: self.now)

    def work_until(self, end: float) -> None:
        while self.now < end:
            self.now += 1
            self.renewal.keep()


def test_a_holder_that_keeps_working_never_lets_its_lease_expire() -> None:
    holder = Holder()
    holder.work_until(100)
    moments = [0.0, *holder.renewals, 100.0]
    longest = max(later - earlier for earlier, later in pairwise(moments))
    assert longest <= LEASE.ttl_s / 2


def test_a_holder_that_works_in_small_steps_never_renews_at_each() -> None:
    holder = Holder()
    holder.work_until(99)
    assert len(holder.renewals) == 9


def test_a_lease_that_was_taken_a_moment_ago_is_never_renewed() -> None:
    holder = Holder()
    holder.work_until(LEASE.ttl_s / 3)
    assert holder.renewals == []


def test_a_lease_that_a_commit_has_renewed_is_never_renewed_at_once() -> None:
    holder = Holder()
    holder.now = 9
    holder.renewal.renewed()
    holder.work_until(19)
    assert holder.renewals == []
    holder.work_until(20)
    assert holder.renewals == [20]


def test_a_renewal_that_failed_is_never_taken_for_one() -> None:
    now, tries = [0.0], []

    def fails() -> None:
        tries.append(now[0])
        raise FencedError("another holder")

    renewal = Renewal(LEASE, fails, lambda: now[0])
    for now[0] in (11, 12):
        with pytest.raises(FencedError):
            renewal.keep()
    assert tries == [11, 12]


def test_trouble_that_passes_while_the_lease_is_good_never_ends_the_work() -> None:
    """A hook would be killed in the middle because the server was restarted."""
    now, tries, away = [0.0], list[float](), [True]

    def restarted() -> None:
        tries.append(now[0])
        if away[0]:
            raise RetryableError("the server restarts")

    renewal = Renewal(LEASE, restarted, lambda: now[0])
    for now[0] in range(25):
        renewal.keep()
    assert 2 < len(tries) < 10
    away[0] = False
    for now[0] in range(25, 100):
        renewal.keep()
    assert len(tries) < 20


def test_work_ends_when_the_lease_may_be_somebody_elses() -> None:
    now = [0.0]

    def unreachable() -> None:
        raise RetryableError("no route")

    renewal = Renewal(LEASE, unreachable, lambda: now[0])
    for now[0] in range(int(LEASE.ttl_s)):
        renewal.keep()
    now[0] = 1.5 * LEASE.ttl_s
    with pytest.raises(RetryableError):
        renewal.keep()
