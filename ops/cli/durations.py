"""Durations on the command line: `90`, `90s`, `10m`, `2h`, `1d`."""

from __future__ import annotations

import click

from pipeline.domain.duration import seconds_of
from pipeline.errors import RefusedError


class Duration(click.ParamType):  # type: ignore[type-arg]
    """Seconds, from a number with or without a unit."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return seconds_of(str(value))
        except RefusedError:
            self.fail(f"'{value}' is not a duration, as 90s, 10m or 2h are.", param, ctx)


DURATION = Duration()
