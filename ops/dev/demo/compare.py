"""The proof: compares both sides row by row, and every write that was acknowledged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

import pymysql
from pymysql.cursors import SSCursor

from ops.dev.demo.tables import ROW_TEXT, SCHEMA
from ops.dev.demo.writer import Key

_SHOWN = 5


def compare(
    source: pymysql.Connection[Any], target: pymysql.Connection[Any], table: str
) -> tuple[int, list[str]]:
    """(rows of `table`, differences between the old table on `source` and the new one on `target`).

    Reads both in the order of the key, one row at a time.
    """
    rows, found = 0, list[str]()
    ours, theirs = _rows(source, f"_{table}_del", table), _rows(target, table, table)
    for one, other in zip_longest(ours, theirs):
        rows += 1
        if one != other:
            found.append(f"{table}: {one} on the source, {other} on the target")
            if len(found) >= _SHOWN:
                break
    return rows, found


def changed_rows(
    one: pymysql.Connection[Any],
    other: pymysql.Connection[Any],
    old: str,
    new: str,
    acknowledged: Mapping[Key, int | None],
) -> tuple[int, int, list[str]]:
    """(rows of `new`, how many differ from `old` as acknowledged, which ones differ otherwise).

    Reads both tables of one server in the order of the key, one row at a time.
    """
    before, after = _rows(one, old, new), _rows(other, new, new)
    rows, changed, strange = 0, 0, list[str]()
    here, there = next(before, None), next(after, None)
    while here is not None or there is not None:
        number = min(_id(text) for text in (here, there) if text is not None)
        ours = here if here is not None and _id(here) == number else None
        theirs = there if there is not None and _id(there) == number else None
        rows += theirs is not None
        if ours != theirs:
            version = None if theirs is None else int(theirs.rpartition("|")[2])
            if (new, number) in acknowledged and acknowledged[new, number] == version:
                changed += 1
            else:
                strange.append(f"{ours} before, {theirs} now")
        here = next(before, None) if ours is not None else here
        there = next(after, None) if theirs is not None else there
    return rows, changed, strange[:_SHOWN]


def _id(text: str) -> int:
    return int(text.partition("|")[0])


def _rows(connection: pymysql.Connection[Any], name: str, table: str) -> Iterator[str]:
    connection.rollback()
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION time_zone = '+00:00'")
    with connection.cursor(SSCursor) as cursor:
        cursor.execute(f"SELECT {ROW_TEXT[table]} FROM {SCHEMA}.{name} ORDER BY id")
        for row in cursor:
            yield row[0]


def broken_promises(
    target: pymysql.Connection[Any], acknowledged: Mapping[Key, int | None]
) -> list[str]:
    """Acknowledged writes that are missing, or are not as they were acknowledged."""
    target.rollback()
    there: dict[Key, int] = {}
    for table in ROW_TEXT:
        with target.cursor(SSCursor) as cursor:
            cursor.execute(f"SELECT id, version FROM {SCHEMA}.{table}")
            there.update({(table, row[0]): row[1] for row in cursor})
    return [
        f"{key[0]} {key[1]}: version {version} was acknowledged, {there.get(key)} is there"
        for key, version in acknowledged.items()
        if there.get(key) != version
    ]
