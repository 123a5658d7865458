"""What a benchmark yields: lines of the table, each a number held against its target."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """What a value must reach, and what would be better still."""

    limit: float
    at_least: bool
    aim: float | None = None

    def is_met_by(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


def at_least(limit: float, aim: float | None = None) -> Target:
    return Target(limit, True, aim)


def at_most(limit: float, aim: float | None = None) -> Target:
    return Target(limit, False, aim)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the table. `low` and `high` are of the `count` values behind `value`."""

    what: str
    unit: str
    value: float
    low: float
    high: float
    count: int
    target: Target | None = None  # None: worth knowing, held against nothing
    figures: str = ""  # the absolute figures behind a ratio

    @property
    def is_met(self) -> bool | None:
        return None if self.target is None else self.target.is_met_by(self.value)


def median(
    what: str, unit: str, values: Sequence[float], target: Target | None = None, figures: str = ""
) -> Line:
    """The median of `values`."""
    return _line(what, unit, statistics.median(values), values, target, figures)


def quantile(
    what: str, unit: str, values: Sequence[float], share: float, target: Target | None = None
) -> Line:
    """The value that `share` of all values do not exceed: one of them, none in between."""
    place = max(0, -(-len(values) * share // 1) - 1)  # rounded up: p99 of 50 is the largest
    return _line(what, unit, sorted(values)[int(place)], values, target, "")


def worst(what: str, unit: str, values: Sequence[float], target: Target) -> Line:
    """The value that is farthest from the target."""
    value = min(values) if target.at_least else max(values)
    return _line(what, unit, value, values, target, "")


def ratio(
    what: str,
    above: Sequence[float],
    below: Sequence[float],
    target: Target | None,
    figures: str = "",
) -> Line:
    """The median of the rounds' ratios: what drifts from round to round cancels out."""
    ratios = [one / other for one, other in zip(above, below, strict=True)]
    return median(what, "×", ratios, target, figures)


def _line(
    what: str,
    unit: str,
    value: float,
    values: Sequence[float],
    target: Target | None,
    figures: str,
) -> Line:
    return Line(
        what=what, unit=unit, value=value, low=min(values), high=max(values), count=len(values),
        target=target, figures=figures,
    )  # fmt: skip
