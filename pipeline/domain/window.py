"""`02:00-04:00 Europe/Berlin`: when a cut-over may begin.

By the clock on the wall of that place, so a window is there on each day, also on those that have
no 02:30 or have it twice: where the clock is put forward over it, it is as short as what is left of
it; where it is put back, it comes twice. One whose end is before its begin goes past midnight.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.errors import RefusedError

_FORM = re.compile(r"([0-2]?\d:[0-5]\d)\s*-\s*([0-2]?\d:[0-5]\d)(?:\s+(\S+))?")
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Window:
    """From `begin` until `end`, which is not in it any more.

    The zone is kept by its name: a window that is stored can be read where the zone is not known.
    """

    begin: time
    end: time
    zone: str = "UTC"

    @classmethod
    def parse(cls, text: str) -> Window:
        """Without a zone it is UTC.

        Raises:
            RefusedError: not of that form, no such zone, or an empty window.
        """
        found = _FORM.fullmatch(text.strip())
        try:
            if found is None:
                raise ValueError
            begin, end = (time.fromisoformat(part.zfill(5)) for part in found.groups()[:2] if part)
        except ValueError:
            raise RefusedError(
                f"'{text}' is not a window of time.", 'Give one as in "02:00-04:00 Europe/Berlin".'
            ) from None
        if begin == end:
            raise RefusedError(f"The window {text} is empty.", "Let it end later than it begins.")
        return cls(begin, end, zone_named(found[3] or "UTC").key)

    def contains(self, now: datetime) -> bool:
        """Whether `now`, which knows its own zone, is in it."""
        wall = now.astimezone(zone_named(self.zone)).time()
        if self.begin < self.end:
            return self.begin <= wall < self.end
        return wall >= self.begin or wall < self.end

    def opens(self, now: datetime) -> datetime:
        """The first minute from `now` on that is in it."""
        moment = now.replace(second=0, microsecond=0)
        while not self.contains(moment):
            moment += _MINUTE
        return max(moment, now)

    def __str__(self) -> str:
        return f"{self.begin:%H:%M}-{self.end:%H:%M} {self.zone}"


def zone_named(name: str) -> ZoneInfo:
    """
    Raises:
        RefusedError: this machine knows no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise RefusedError(
            f"There is no time zone '{name}'.", "Name one as in Europe/Berlin."
        ) from None
