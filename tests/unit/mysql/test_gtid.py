"""GTID sets against plain sets: a position that forgets or invents a transaction loses rows."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.mysql.gtid import GtidSet

A, B = "aaaaaaaa-0000-0000-0000-000000000001", "bbbbbbbb-0000-0000-0000-000000000002"
Plain = set[tuple[str, int]]
plain = st.sets(st.tuples(st.sampled_from([A, B]), st.integers(1, 40)))


def of(members: Plain) -> GtidSet:
    result = GtidSet()
    for source, number in members:
        result.add(f"{source}:{number}")
    return result


def members(gtids: GtidSet) -> Plain:
    return {
        (source, number)
        for source, intervals in gtids.intervals.items()
        for low, high in intervals
        for number in range(low, high + 1)
    }


@given(plain)
def test_no_transaction_is_forgotten_or_invented(one: Plain) -> None:
    assert members(of(one)) == one
    assert of(one).count() == len(one)


@given(plain)
def test_a_set_survives_being_printed_and_parsed(one: Plain) -> None:
    assert members(GtidSet.parse(str(of(one)))) == one


@given(plain, plain)
def test_contains_is_the_subset_relation(one: Plain, other: Plain) -> None:
    assert of(one).contains(of(other)) is (other <= one)


@given(plain, plain)
def test_update_is_the_union(one: Plain, other: Plain) -> None:
    union = of(one)
    union.update(of(other))
    assert members(union) == one | other


@given(plain)
def test_intervals_stay_merged_and_in_order(one: Plain) -> None:
    for intervals in of(one).intervals.values():
        assert all(low <= high for low, high in intervals)
        pairs = pairwise(intervals)
        assert all(before[1] + 1 < after[0] for before, after in pairs)


@given(plain, st.tuples(st.sampled_from([A, B]), st.integers(1, 40)))
def test_a_transaction_is_contained_or_not_as_in_a_plain_set(
    one: Plain, some: tuple[str, int]
) -> None:
    assert (f"{some[0]}:{some[1]}" in of(one)) is (some in one)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        (f"{A.upper()}:1-3:5", f"{A}:1-3:5"),
        (f"{A}:1-3,\n{B}:7", f"{A}:1-3,{B}:7"),
        (f" {A}:1:2:3 ", f"{A}:1-3"),
        (f"{A}:1-3,{A}:4-5", f"{A}:1-5"),
        (f"{A}:tag:1-2", f"{A}:tag:1-2"),
    ],
)
def test_the_notations_of_both_servers_are_read(text: str, shown: str) -> None:
    assert str(GtidSet.parse(text)) == shown


@pytest.mark.parametrize("text", ["nonsense", f"{A}", f"{A}:x-y", f"{A}:1-x"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a GTID set|invalid literal"):
        GtidSet.parse(text)
