"""Formats packed DECIMALs.

Storage: digits in groups of nine, in four bytes each; the groups at both ends hold the digits
left over, in as few bytes as they need. The first bit is set for positive values; negative
ones have all bits inverted, so that the bytes sort as the numbers do.
"""

from __future__ import annotations

from collections.abc import Callable

_BYTES = (0, 1, 1, 2, 2, 3, 3, 4, 4)  # by the number of digits left over


def decimal_size(precision: int, scale: int) -> int:
    """Bytes of a packed DECIMAL(precision, scale)."""
    integer = precision - scale
    return integer // 9 * 4 + _BYTES[integer % 9] + scale // 9 * 4 + _BYTES[scale % 9]


def _groups(precision: int, scale: int) -> list[tuple[int, int]]:
    """(bytes, digits) of each group, in order."""
    integer = precision - scale
    groups = [(_BYTES[integer % 9], integer % 9)] + [(4, 9)] * (integer // 9)
    groups += [(4, 9)] * (scale // 9) + [(_BYTES[scale % 9], scale % 9)]
    return [group for group in groups if group[0]]


def decimal_text(precision: int, scale: int, zerofill: bool = False) -> Callable[[bytes], bytes]:
    """A function from the packed bytes to the text that the server prints."""
    size = decimal_size(precision, scale)
    top = 1 << (8 * size - 1)
    inverted = top - 1
    parts, shift = [], 8 * size
    for width, digits in _groups(precision, scale):
        shift -= 8 * width
        parts.append((shift, (1 << 8 * width) - 1, 10**digits))
    least_digits = max(precision - scale, 1) if zerofill else 1
    unit = 10**scale

    def text(packed: bytes) -> bytes:
        bits = int.from_bytes(packed, "big")
        negative = not bits & top
        bits = bits ^ inverted if negative else bits ^ top
        number = 0
        for shift, mask, power in parts:
            number = number * power + (bits >> shift & mask)
        sign = b"-" if negative else b""
        if not scale:
            return b"%s%0*d" % (sign, least_digits, number)
        integer, fraction = divmod(number, unit)
        return b"%s%0*d.%0*d" % (sign, least_digits, integer, scale, fraction)

    return text
