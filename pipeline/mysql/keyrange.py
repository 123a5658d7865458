"""Intervals of a key as SQL conditions: `lower < key <= upper`, where either side may be open.

They are written out column by column, `(a > 1 OR (a = 1 AND b > 2))`, since the optimizer turns
that into an index range, but reads the entire index for `(a, b) > (1, 2)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pipeline.mysql.quoting import quote, quote_name
from pipeline.mysql.table import Key, Table, TableName, ValueKind

T = TypeVar("T")

_INTEGER = re.compile(r"-?[0-9]+")
_MEMBERS = frozenset({ValueKind.ENUM, ValueKind.SET})
Bound = tuple[str, ...]  # one SQL literal for each key column
Moved = tuple[Bound, Bound]  # the key that a row has, and the one that it gets


@dataclass(frozen=True)
class KeyRange:
    """The keys above `lower` and up to `upper`; None is open."""

    lower: Bound | None
    upper: Bound | None

    def condition(self, key: Key, alias: str = "") -> str:
        """The interval as a WHERE condition."""
        parts = []
        if self.lower is not None:
            parts.append(above(key, self.lower, alias))
        if self.upper is not None:
            parts.append(up_to(key, self.upper, alias))
        return " AND ".join(parts) or "TRUE"

    def __str__(self) -> str:
        return f"({_shown(self.lower)}, {_shown(self.upper)}]"


@dataclass(frozen=True)
class RangeWithout(KeyRange):
    """The keys of a range of `table` but those listed."""

    table: Table
    without: Sequence[Bound]

    def condition(self, key: Key, alias: str = "") -> str:
        return f"{super().condition(key, alias)} AND NOT {is_one_of(self.table, self.without)}"


def in_range(table: Table, keys: KeyRange) -> str:
    """`keys.condition`, in the form that costs least where every row of a range is read.

    The server asks it again of each row that the index range has given. For one integer BETWEEN is
    half of the cost: 2% of a digest.
    """
    (column, *more) = table.key_columns
    if more or column.kind is not ValueKind.INTEGER or isinstance(keys, RangeWithout):
        return keys.condition(table.key)
    if keys.lower is None or keys.upper is None or not _INTEGER.fullmatch(keys.lower[0]):
        return keys.condition(table.key)  # a change may make an integer of what was none
    return f"{quote(column.name)} BETWEEN {int(keys.lower[0]) + 1} AND {keys.upper[0]}"


def bound_from_row(values: Iterable[object]) -> Bound:
    """The bound of literals that a server wrote, whatever type the driver gave them."""
    return tuple(
        value.decode("ascii") if isinstance(value, bytes) else str(value) for value in values
    )


def rows_by_key(name: TableName, key: Key, condition: str) -> str:
    """What follows FROM: the rows under `condition`, found by their key and no other index."""
    return f"{quote_name(name)} FORCE INDEX ({quote(key.name)}) WHERE {condition}"


def in_slices(keys: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`keys`, at most `size` of them at a time: a statement must not grow without bound."""
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def above(key: Key, bound: Bound, alias: str = "") -> str:
    return _compare(_names(key, alias), bound, ">", ">")


def up_to(key: Key, bound: Bound, alias: str = "") -> str:
    return _compare(_names(key, alias), bound, "<", "<=")


def at_or_above(key: Key, bound: Bound, alias: str = "") -> str:
    return _compare(_names(key, alias), bound, ">", ">=")


def is_one_of(table: Table, keys: Sequence[Bound], *more: str) -> str:
    """A condition that lists keys; FALSE if there are none.

    `more` names columns beyond the key; their literals follow the key's in each of `keys`.
    """
    if not keys:
        return "FALSE"
    names = [quote(name) for name in (*table.key.columns, *more)]
    if len(names) > 1 and any(column.kind in _MEMBERS for column in table.key_columns):
        # In a row constructor ENUM and SET are compared as text: the number 3 with the label '3'.
        return f"({' OR '.join(_equal(names, one) for one in keys)})"
    listed = ", ".join(f"({', '.join(one)})" for one in keys)
    return f"({', '.join(names)}) IN ({listed})"


def same_key(table: Table, one: str, other: str, named: Table | None = None) -> str:
    """The condition that joins two tables, known as `one` and `other`, by key.

    If the key's columns have other names in `other`, `named` is its definition.
    """
    parts = []
    pairs = zip(table.key_columns, (named or table).key_columns, strict=True)
    for column, theirs in pairs:
        names = [f"{one}.{quote(column.name)}", f"{other}.{quote(theirs.name)}"]
        parts.append(" = ".join(names))
        if column.kind in _MEMBERS:  # as text, the error value and the label '' are equal
            parts.append(" = ".join(f"{name} + 0" for name in names))
    return " AND ".join(parts)


def _equal(names: Sequence[str], values: Sequence[str]) -> str:
    pairs = zip(names, values, strict=True)
    return f"({' AND '.join(f'{name} = {value}' for name, value in pairs)})"


def order(key: Key) -> str:
    return ", ".join(quote(name) for name in key.columns)


def _compare(names: list[str], bound: Bound, strict: str, last: str) -> str:
    (name, *names_left), (value, *values_left) = names, bound
    if not names_left:
        return f"{name} {last} {value}"
    rest = _compare(names_left, tuple(values_left), strict, last)
    return f"({name} {strict} {value} OR ({name} = {value} AND {rest}))"


def _names(key: Key, alias: str) -> list[str]:
    prefix = f"{alias}." if alias else ""
    return [prefix + quote(name) for name in key.columns]


def _shown(bound: Bound | None) -> str:
    return "open" if bound is None else ", ".join(bound)
