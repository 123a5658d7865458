"""Compares two definitions: whether one table can hold every value of the other.

A server accepts a definition of the other flavour and leaves out what it does not know (to
MariaDB, `/*!80023 INVISIBLE */` is a comment). So the table that it created is read back and
compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest

from pipeline.mysql.table import Column, Table

_WIDTH = re.compile(r"\b(\w*int|year)\(\d+\)(?! unsigned zerofill| zerofill)")
# What one of MariaDB and MySQL reads as a comment, and the other one does not.
_FOR_MYSQL = re.compile(r"/\*!(?:5[7-9]|[6-9]\d)\d{3} +(.*?) *\*/", re.S)
_FOR_MARIADB = re.compile(r"/\*M!\d+ +(.*?) *\*/", re.S)
_TEXT = re.compile(r"'(?:[^'\\]|\\.|'')*'|`(?:[^`]|``)*`", re.S)


def differences(wanted: Table, found: Table) -> Iterator[str]:
    """Where `found` could not hold every row of `wanted` unchanged."""
    for ours, theirs in zip_longest(wanted.columns, found.columns):
        if ours is None or theirs is None or _shape(ours) != _shape(theirs):
            yield f"{_shown(theirs)} where {_shown(ours)} is wanted"


def lost_between_flavours(create_table: str, *, from_mariadb: bool) -> list[str]:
    """Parts of a SHOW CREATE TABLE that the other flavour would take for comments."""
    pattern = _FOR_MARIADB if from_mariadb else _FOR_MYSQL
    return [str(part) for part in pattern.findall(_TEXT.sub("''", create_table))]


def same_values(one: Column, other: Column) -> bool:
    """Whether two columns hold values of the same type; names and NULL do not matter."""
    return _values(one) == _values(other)


def _shape(column: Column) -> tuple[object, ...]:
    return (column.name, column.nullable, column.generated, column.virtual, *_values(column))


def _values(column: Column) -> tuple[object, ...]:
    declared = _WIDTH.sub(r"\1", column.column_type).replace("geometrycollection", "geomcollection")
    return column.kind, declared, column.collation, column.fraction_digits


def _shown(column: Column | None) -> str:
    if column is None:
        return "no column"
    collation = f" collate {column.collation}" if column.collation else ""
    null = "" if column.nullable else " not null"
    return f"{column.name} {column.column_type}{collation}{null}"
