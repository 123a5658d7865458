"""Formats the temporal types of a row image as the server prints them.

Days repeat, so their texts are cached, as many as a cache may hold; there is a table for the
minutes of a day. So a DATETIME costs three look-ups and a concatenation.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

_REMEMBERED = 20_000
_EPOCH = date(1970, 1, 1).toordinal()
_TIME_ZERO = 0x800000  # is added to a stored TIME, so that its bytes sort
ZERO_TIMESTAMP = b"0000-00-00 00:00:00"


class Remembered(dict[int, bytes]):
    """A cache of texts by number; it forgets all of them when there are too many."""

    def __init__(self, text_of: Callable[[int], bytes]) -> None:
        super().__init__()
        self._text_of = text_of

    def __missing__(self, number: int) -> bytes:
        if len(self) >= _REMEMBERED:
            self.clear()
        text = self[number] = self._text_of(number)
        return text


def _date(number: int) -> bytes:
    """3 bytes: year, 4 bits of month, 5 bits of day."""
    return b"%04d-%02d-%02d" % (number >> 9, number >> 5 & 15, number & 31)


def _date_of_datetime(number: int) -> bytes:
    """17 bits: year * 13 + month, 5 bits of day."""
    year, month = divmod(number >> 5, 13)
    return b"%04d-%02d-%02d " % (year, month, number & 31)


def _day(days: int) -> bytes:
    return date.fromordinal(_EPOCH + days).isoformat().encode() + b" "


DATES = Remembered(_date)
_DATETIME_DATES = Remembered(_date_of_datetime)
_DAYS = Remembered(_day)
_PACKED_MINUTES = [b"%02d:%02d:" % divmod(number, 64) for number in range(1 << 11)]
_MINUTES = [b"%02d:%02d:" % divmod(number, 60) for number in range(24 * 60)]
_SECONDS = [b"%02d" % number for number in range(64)]


def datetime_text(number: int) -> bytes:
    """DATETIME without its fraction, from its 40 bits: 22 of date, 5 of hour, 6 and 6 below."""
    number &= 0x7FFFFFFFFF
    day = _DATETIME_DATES[number >> 17]
    return day + _PACKED_MINUTES[number >> 6 & 0x7FF] + _SECONDS[number & 63]


def timestamp_text(seconds: int) -> bytes:
    """TIMESTAMP without its fraction, in UTC."""
    if not seconds:
        return ZERO_TIMESTAMP
    minutes, second = divmod(seconds, 60)
    days, minute = divmod(minutes, 24 * 60)
    return _DAYS[days] + _MINUTES[minute] + _SECONDS[second]


def fraction_bytes(digits: int) -> int:
    return (digits + 1) // 2


def fraction_divisor(digits: int) -> int:
    """An odd number of digits is stored with one digit more."""
    return 10 if digits % 2 else 1


def time_text(number: int, digits: int) -> bytes:
    """TIME with its fraction, from all its bytes as one number."""
    size = fraction_bytes(digits)
    number -= _TIME_ZERO << 8 * size
    sign = b"-" if number < 0 else b""
    clock, fraction = divmod(abs(number), 1 << 8 * size)
    text = b"%s%02d:%02d:%02d" % (sign, clock >> 12 & 1023, clock >> 6 & 63, clock & 63)
    if not digits:
        return text
    return b"%s.%0*d" % (text, digits, fraction // fraction_divisor(digits))
