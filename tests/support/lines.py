"""Rows as Fields, and as the lines that the row decoder makes of them."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.mysql.codecs import NULL, escape, fields_of
from pipeline.mysql.table import Field

Row = tuple[Field, ...]


def line(fields: Iterable[Field]) -> bytes:
    """The inverse of `fields_of`."""
    return b"\t".join(NULL if field is None else escape(field) for field in fields)


def rows_in(lines: Iterable[bytes]) -> list[Row]:
    """The rows, or keys, of lines without a newline."""
    return [tuple(fields_of(one)) for one in lines]
