"""Numbers, sizes and durations as people read them."""

from __future__ import annotations

import shutil
import sys
import textwrap
from datetime import datetime

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def amount(number: float, what: str) -> str:
    """`1,234 rows`, `1 row`."""
    return f"{number:,.0f} {what}" + ("" if round(number) == 1 else "s")


def size(number: float) -> str:
    """`12.3 MiB`."""
    unit = 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.0f} {_UNITS[unit]}" if unit == 0 else f"{number:.1f} {_UNITS[unit]}"


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`; `?` if it is unknown."""
    if seconds is None:
        return "?"
    if seconds < 10:
        return f"{seconds:.1f} s"
    rounded = round(seconds)
    if rounded < 60:
        return f"{rounded} s"
    if rounded < 3600:
        return f"{rounded // 60} min {rounded % 60:02} s"
    return f"{rounded // 3600} h {rounded % 3600 // 60:02} min"


def moment(at: datetime) -> str:
    """A moment of the control server's clock, which is read in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S}Z"


def share(part: int, total: int) -> str:
    """A percentage; never 100 before everything is there, since an estimate may be too low."""
    if total <= 0:
        return "?"
    return f"{min(99 if part < total else 100, int(100 * part / total))}%"


def folded(text: str, *, err: bool = False) -> str:
    """`text` for a terminal: lines that are too long go on below, indented. Else as it is."""
    stream = sys.stderr if err else sys.stdout
    if not stream.isatty():  # a line for a script stays one
        return text
    width = shutil.get_terminal_size().columns
    return "\n".join(_folded(line, width) for line in text.splitlines())


def _folded(line: str, width: int) -> str:
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    # Not at hyphens: a flag would be cut in two.
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False,
        replace_whitespace=False, drop_whitespace=True,
    )  # fmt: skip
