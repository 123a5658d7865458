"""Durations as people write them: `90`, `90s`, `10m`, `2h`, `1d`."""

from __future__ import annotations

import re

from pipeline.errors import RefusedError

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")


def seconds_of(text: str) -> float:
    """
    Raises:
        RefusedError: it is not of that form.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise RefusedError(f"'{text}' is not a duration.", "Give one as in 90s, 10m or 2h.")
    return float(found[1]) * _UNITS[found[2]]
