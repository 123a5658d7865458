"""`02:00-04:00 Europe/Berlin`: when a cut-over may begin.

It goes by the wall clock of that place, so there is a window on each day, even on a day that has no
02:30 or has it twice: if the clock skips part of the window, the rest remains; if the clock is put
back over it, it comes twice. A window that ends before it begins goes past midnight.
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
    """From `begin` until `end`, which is no longer in it.

    The zone is kept by its name: a stored window can be read on a machine that lacks the zone.
    """

    begin: time
    end: time
    zone: str = "UTC"

    @classmethod
    def parse(cls, text: str) -> Window:
        """Parse the text of a window; without a zone it is in UTC.

        Raises:
            RefusedError: it is not of that form, there is no such zone, or the window is empty.
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
            raise RefusedError(f"The window {text} is empty.", "Its end has to be later.")
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
            f"There is no time zone '{name}'.", "Give one as in Europe/Berlin."
        ) from None
