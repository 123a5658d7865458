"""What a test does at a pause point, when that is passed several times."""

from __future__ import annotations

from collections.abc import Callable


def once(action: Callable[[], object]) -> Callable[[], None]:
    """`action` at the first call only: what it calls may come to the same point."""
    done: list[bool] = []

    def act() -> None:
        if not done:
            done.append(True)
            action()

    return act


def from_second(action: Callable[[], object]) -> Callable[[], None]:
    """`action` at each call but the first."""
    calls: list[bool] = []

    def act() -> None:
        if calls:
            action()
        calls.append(True)

    return act
