"""Chunks as SQL conditions: a key in no chunk is never copied, one in two is counted twice."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.mysql.keyrange import KeyRange, is_one_of
from pipeline.mysql.table import Column, Key, Table, TableName, ValueKind

KEY = Key("k", ("a", "b"))
COLUMNS = tuple(
    Column(name, ValueKind.INTEGER, "int", "int", nullable=False) for name in KEY.columns
)
TABLE = Table(TableName("s", "t"), COLUMNS, KEY)
EVERY = [(a, b) for a in range(5) for b in range(5)]
bounds = st.lists(st.sampled_from(EVERY), unique=True, max_size=8).map(sorted)


def rows(condition: str) -> list[tuple[int, int]]:
    with sqlite3.connect(":memory:") as link:
        link.execute("CREATE TABLE t (a INT, b INT)")
        link.executemany("INSERT INTO t VALUES (?, ?)", EVERY)
        return sorted(link.execute(f"SELECT a, b FROM t WHERE {condition}"))


def literals(bound: tuple[int, int] | None) -> tuple[str, ...] | None:
    return None if bound is None else tuple(map(str, bound))


@given(bounds)
def test_adjacent_chunks_hold_every_key_exactly_once(cuts: list[tuple[int, int]]) -> None:
    edges = [None, *cuts, None]
    found: list[tuple[int, int]] = []
    for lower, upper in pairwise(edges):
        found += rows(KeyRange(literals(lower), literals(upper)).condition(KEY))
    assert sorted(found) == EVERY


@given(st.sampled_from(EVERY), st.sampled_from(EVERY))
def test_a_chunk_is_above_its_lower_bound_and_up_to_its_upper(
    lower: tuple[int, int], upper: tuple[int, int]
) -> None:
    found = rows(KeyRange(literals(lower), literals(upper)).condition(KEY))
    assert found == [key for key in EVERY if lower < key <= upper]


@given(st.lists(st.sampled_from(EVERY), unique=True))
def test_listed_keys_are_those_and_no_others(keys: list[tuple[int, int]]) -> None:
    found = rows(is_one_of(TABLE, [tuple(map(str, key)) for key in keys]))
    assert found == sorted(keys)


@given(st.lists(st.sampled_from(EVERY), unique=True))
def test_keys_with_an_enum_or_set_are_not_compared_in_a_row_constructor(
    keys: list[tuple[int, int]],
) -> None:
    """In a row constructor a server takes the number of an ENUM for the text of a label."""
    label = replace(COLUMNS[0], kind=ValueKind.ENUM)
    condition = is_one_of(
        replace(TABLE, columns=(label, COLUMNS[1])), [(str(a), str(b)) for a, b in keys]
    )
    assert rows(condition) == sorted(keys)
    assert " IN " not in condition
