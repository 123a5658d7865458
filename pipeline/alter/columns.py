"""Columns as the statements of an alter name them."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.alter.conversions import goes_by_number
from pipeline.mysql.quoting import quote, quote_list
from pipeline.mysql.table import Column


def column_names(columns: Sequence[Column]) -> str:
    return quote_list([column.name for column in columns])


def values(columns: Sequence[Column], become: Sequence[Column], alias: str = "") -> str:
    """The columns as a SELECT has to name them so that they become those of `become`."""
    prefix = f"{alias}." if alias else ""
    names = [f"{prefix}{quote(column.name)}" for column in columns]
    return ", ".join(
        f"CAST({name} AS UNSIGNED)" if goes_by_number(old, new) else name
        for name, old, new in zip(names, columns, become, strict=True)
    )
