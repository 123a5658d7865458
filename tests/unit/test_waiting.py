"""A wait ends when what it waits for is there, and never much later than it may."""

from __future__ import annotations

from pipeline.waiting import wait_until


class FakeClock:
    """Time passes by sleeping, and in no other way."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds


def test_what_is_there_already_costs_no_time() -> None:
    clock = FakeClock()
    assert wait_until(lambda: True, 5, 1, clock)
    assert clock.now == 100


def test_what_comes_in_time_is_never_given_up() -> None:
    clock = FakeClock()
    assert wait_until(lambda: clock.now >= 103, 3, 1, clock)
    assert clock.now == 103


def test_what_never_comes_never_holds_up_for_longer_than_the_limit() -> None:
    clock = FakeClock()
    assert not wait_until(lambda: False, 3, 1, clock)
    assert clock.now == 103


def test_a_slow_answer_is_never_asked_for_again_after_the_limit() -> None:
    clock, asked = FakeClock(), []

    def slow() -> bool:
        asked.append(clock.now)
        clock.sleep(10)
        return False

    assert not wait_until(slow, 3, 1, clock)
    assert asked == [100]


def test_a_limit_of_nothing_still_asks_once() -> None:
    assert wait_until(lambda: True, 0, 1, FakeClock())


def test_what_was_found_is_never_found_a_second_time_to_be_had() -> None:
    clock = FakeClock()
    found = iter([None, "lease"])
    assert wait_until(lambda: next(found), 5, 1, clock) == "lease"
