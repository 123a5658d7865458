"""Chunks by keys of one and of three columns: tuples are compared, not columns one by one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import combinations_with_replacement, pairwise, product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.mysql.keyrange import (
    KeyRange,
    RangeWithout,
    above,
    at_or_above,
    bound_from_row,
    in_range,
    is_one_of,
    order,
    up_to,
)
from pipeline.mysql.table import Column, Key, Table, TableName, ValueKind

Tuple = tuple[int, ...]
Rows = Callable[[Key, str], list[Tuple]]
KEYS = [Key("one", ("a",)), Key("two", ("b", "a")), Key("three", ("c", "a", "b"))]
SPACE = range(-1, 3)
within = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def rows() -> Iterator[Rows]:
    with closing(sqlite3.connect(":memory:")) as link:
        link.execute("CREATE TABLE t (a INT, b INT, c INT)")
        link.executemany("INSERT INTO t VALUES (?, ?, ?)", product(SPACE, repeat=3))

        def select(key: Key, condition: str) -> list[Tuple]:
            """The distinct keys that satisfy the condition, in key order."""
            columns = order(key)
            return list(
                link.execute(
                    f"SELECT DISTINCT {columns} FROM t k WHERE {condition} ORDER BY {columns}"
                )
            )

        yield select


def space(key: Key) -> list[Tuple]:
    return list(product(SPACE, repeat=len(key.columns)))


def table(key: Key) -> Table:
    columns = tuple(
        Column(name, ValueKind.INTEGER, "int", "int", nullable=False) for name in key.columns
    )
    return Table(TableName("s", "t"), columns, key)


def literals(bound: Tuple | None) -> tuple[str, ...] | None:
    return None if bound is None else tuple(map(str, bound))


@st.composite
def cuts(draw: st.DrawFn) -> tuple[Key, list[Tuple]]:
    key = draw(st.sampled_from(KEYS))
    return key, sorted(draw(st.sets(st.sampled_from(space(key)), max_size=9)))


@within
@given(cuts(), st.sampled_from(["", "k"]))
def test_no_key_falls_between_adjacent_chunks_or_into_two(
    rows: Rows, cut: tuple[Key, list[Tuple]], alias: str
) -> None:
    key, bounds = cut
    found: list[Tuple] = []
    for lower, upper in pairwise([None, *bounds, None]):
        found += rows(key, KeyRange(literals(lower), literals(upper)).condition(key, alias))
    assert found == space(key)


@within
@given(cuts())
def test_a_range_that_is_read_whole_has_the_same_keys(
    rows: Rows, cut: tuple[Key, list[Tuple]]
) -> None:
    key, bounds = cut
    for lower, upper in combinations_with_replacement([None, *bounds, None], 2):
        keys = KeyRange(literals(lower), literals(upper))
        assert rows(key, in_range(table(key), keys)) == rows(key, keys.condition(key))


def test_a_range_of_one_integer_is_one_comparison() -> None:
    one = table(KEYS[0])
    assert in_range(one, KeyRange(("-3",), ("7",))) == "`a` BETWEEN -2 AND 7"
    unsigned = KeyRange(("18446744073709551613",), ("18446744073709551615",))
    assert in_range(one, unsigned).endswith(" 18446744073709551614 AND 18446744073709551615")


def test_a_bound_that_is_no_integer_is_compared_as_it_is() -> None:
    """10.5 lies between two of the keys that a change makes of what were DECIMALs."""
    for lower in ("10.50", "1e1", "_utf8mb4 x'3130'"):
        keys = KeyRange((lower,), ("20",))
        assert in_range(table(KEYS[0]), keys) == keys.condition(KEYS[0])


def test_what_a_range_leaves_out_stays_out(rows: Rows) -> None:
    keys = RangeWithout(("-1",), ("2",), table(KEYS[0]), [("1",)])
    assert rows(KEYS[0], in_range(table(KEYS[0]), keys)) == [(0,), (2,)]


@within
@given(cuts())
def test_each_comparison_is_that_of_tuples(rows: Rows, cut: tuple[Key, list[Tuple]]) -> None:
    key, bounds = cut
    for bound in bounds:
        text = tuple(map(str, bound))
        assert rows(key, above(key, text)) == [one for one in space(key) if one > bound]
        assert rows(key, up_to(key, text)) == [one for one in space(key) if one <= bound]
        assert rows(key, at_or_above(key, text)) == [one for one in space(key) if one >= bound]


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_open_on_both_sides_is_every_key(rows: Rows, key: Key) -> None:
    assert rows(key, KeyRange(None, None).condition(key)) == space(key)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_an_empty_range_and_an_empty_list_hold_nothing(rows: Rows, key: Key) -> None:
    same = literals((1,) * len(key.columns))
    assert rows(key, KeyRange(same, same).condition(key)) == []
    assert rows(key, is_one_of(table(key), [])) == []


def test_a_condition_keeps_its_meaning_when_it_is_joined_with_others(rows: Rows) -> None:
    key = KEYS[1]
    condition = KeyRange(("0", "0"), ("1", "1")).condition(key)
    assert rows(key, f"FALSE AND {condition}") == []
    assert rows(key, f"{condition} AND FALSE") == []


def test_a_condition_is_written_so_that_the_index_serves_it() -> None:
    assert above(KEYS[1], ("1", "2")) == "(`b` > 1 OR (`b` = 1 AND `a` > 2))"
    assert up_to(KEYS[1], ("1", "2"), "k") == "(k.`b` < 1 OR (k.`b` = 1 AND k.`a` <= 2))"


def test_bounds_that_a_server_wrote_are_text_whatever_the_driver_gave() -> None:
    assert bound_from_row([b"_binary x'00'", "'2020-01-01'", 7]) == (
        "_binary x'00'", "'2020-01-01'", "7",
    )  # fmt: skip


def test_an_interval_says_which_side_is_open() -> None:
    assert str(KeyRange(None, ("1", "2"))) == "(open, 1, 2]"
