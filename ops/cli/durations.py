"""Durations on the command line: `90`, `90s`, `10m`, `2h`, `1d`."""

from __future__ import annotations

import re

import click

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")


class Duration(click.ParamType):  # type: ignore[type-arg]
    """Seconds, from a number with or without a unit."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = _DURATION.fullmatch(str(value))
        if found is None:
            self.fail(f"'{value}' is not a duration, as 90s, 10m or 2h are.", param, ctx)
        return float(found[1]) * _UNITS[found[2]]


DURATION = Duration()
