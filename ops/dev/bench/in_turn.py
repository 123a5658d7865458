"""Measures several sides in turn, round after round.

A machine that others share, or that grows warm, drifts by a factor of two in minutes. Sides that
are measured one right after the other drift together, so the ratio of a round holds. Each second
round goes in the opposite order: no side always comes first.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from ops.dev.bench.lines import Line, Target, ratio

Side = Callable[[], float]
Values = dict[str, list[float]]
One = TypeVar("One")


def order(names: Sequence[One], number: int) -> Sequence[One]:
    """The order of the sides in round `number`."""
    return names if number % 2 else names[::-1]


def in_turn(
    sides: Mapping[str, Side],
    rounds: int,
    say: Callable[[str], None],
    prepare: Callable[[], None] = lambda: None,
    last: Mapping[str, Side] | None = None,
) -> Values:
    """Each side's values, one for each round; `prepare` comes before a round, unmeasured.

    The sides of `last` leave something behind that would cost the others time: they always come
    after them.
    """
    last = last or {}
    both = {**sides, **last}
    values: Values = {name: [] for name in both}
    for number in range(1, rounds + 1):
        prepare()
        for name in (*order(list(sides), number), *last):
            values[name].append(both[name]())
            say(f"round {number}, {name}: {brief(values[name][-1])}")
    return values


def versus(values: Values, one: str, other: str, target: Target | None, unit: str) -> Line:
    """`one` over `other`, each round by itself."""
    both = {name: values[name] for name in (one, other)}
    return ratio(f"{one} ÷ {other}", values[one], values[other], target, figures(both, unit))


def figures(values: Mapping[str, Sequence[float]], unit: str) -> str:
    """The sides' medians, for a reader: `Tranship 104 k, Spirit 63 k rows/s`."""
    return ", ".join(_medians(values)) + f" {unit}"


def _medians(values: Mapping[str, Sequence[float]]) -> Iterator[str]:
    for name, one in values.items():
        yield f"{name} {brief(statistics.median(one))}"


def brief(value: float) -> str:
    """Three digits: more would be noise."""
    if abs(value) >= 10_000:
        return f"{value / 1000:,.0f} k"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
