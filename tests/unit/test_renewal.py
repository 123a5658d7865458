"""A claim whose work goes on never gets old, and one whose work has ended is never renewed."""

from __future__ import annotations

import time
from threading import Event

import pytest

from pipeline.errors import RetryableError
from pipeline.renewal import renewed


def test_work_that_outlasts_the_limit_is_renewed_again_and_again() -> None:
    thrice, calls = Event(), list[int]()

    def renew() -> None:
        calls.append(1)
        if len(calls) == 3:
            thrice.set()

    with renewed(renew, given_up_after_s=0.02):
        assert thrice.wait(10)


def test_trouble_while_renewing_never_ends_the_renewals() -> None:
    again, calls = Event(), list[int]()

    def renew() -> None:
        calls.append(1)
        if len(calls) > 1:
            again.set()
        raise RetryableError("the server is busy")

    with renewed(renew, given_up_after_s=0.02):
        assert again.wait(10)


def test_short_work_never_renews_and_never_waits() -> None:
    calls, began = list[int](), time.monotonic()
    with renewed(lambda: calls.append(1), given_up_after_s=1000):
        pass
    assert calls == []
    assert time.monotonic() - began < 100


def test_work_that_fails_is_never_renewed_afterwards() -> None:
    calls = list[int]()
    with pytest.raises(KeyError), renewed(lambda: calls.append(1), given_up_after_s=0.02):
        raise KeyError
    before = len(calls)
    time.sleep(0.03)
    assert len(calls) == before
