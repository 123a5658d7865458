"""GTID sets as text: a position misread from its text is a position that skips transactions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StartOverError
from pipeline.mysql.gtid import GtidSet
from tests.unit.mysql.test_gtid import A, B, members

Pair = tuple[int, int]
intervals = st.lists(
    st.tuples(st.integers(1, 60), st.integers(0, 20)).map(lambda one: (one[0], sum(one))),
    min_size=1,
    max_size=8,
)
blank = st.text(" \t\r\n", max_size=3)


def shown(one: Pair) -> str:
    return f"{one[0]}-{one[1]}" if one[0] != one[1] else str(one[0])


def numbers(pairs: list[Pair]) -> set[int]:
    return {number for low, high in pairs for number in range(low, high + 1)}


@given(intervals)
def test_intervals_that_overlap_or_come_in_any_order_are_merged(pairs: list[Pair]) -> None:
    text = f"{A}:" + ":".join(map(shown, pairs))
    assert members(GtidSet.parse(text)) == {(A, number) for number in numbers(pairs)}


@given(intervals, intervals, blank, blank, st.booleans())
def test_white_space_lines_and_case_mean_nothing(
    some: list[Pair], others: list[Pair], first: str, second: str, upper: bool
) -> None:
    one, other = (f"{A}:" + ":".join(map(shown, some)), f"{B}:" + ":".join(map(shown, others)))
    plain = GtidSet.parse(f"{one},{other}")
    laid_out = f"{first}{one}{second},{second}{other}{first}"
    assert GtidSet.parse(laid_out.upper() if upper else laid_out) == plain


@given(intervals, st.randoms(use_true_random=False))
def test_transactions_that_arrive_out_of_order_give_the_same_set(
    pairs: list[Pair], chance: object
) -> None:
    arriving = [f"{A}:{number}" for number in sorted(numbers(pairs))]
    chance.shuffle(arriving)  # type: ignore[attr-defined]
    found = GtidSet()
    for gtid in arriving:
        found.add(gtid)
    assert found == GtidSet.parse(f"{A}:" + ":".join(map(shown, pairs)))


def test_a_long_stream_in_order_stays_one_interval() -> None:
    found = GtidSet()
    for number in range(1, 10_001):
        found.add(f"{A}:{number}")
    assert found.intervals == {A: [(1, 10_000)]}


def test_a_tag_is_a_source_of_its_own() -> None:
    found = GtidSet.parse(f"{A}:1-3:tag:1-5")
    assert str(found) == f"{A}:1-3,{A}:tag:1-5"
    assert f"{A}:tag:5" in found
    assert f"{A}:5" not in found
    assert not GtidSet.parse(f"{A}:1-5").contains(found)


def test_upper_case_is_the_same_source_when_added_or_asked_for() -> None:
    found = GtidSet.parse(f"{A}:1")
    found.add(f"{A.upper()}:2")
    assert str(found) == f"{A}:1-2"
    assert f"{A.upper()}:2" in found


def test_a_copy_taken_by_update_is_independent() -> None:
    one, other = GtidSet.parse(f"{A}:1-3"), GtidSet()
    other.update(one)
    other.add(f"{A}:4")
    assert str(one) == f"{A}:1-3"


def test_an_empty_set_is_in_every_set_and_nothing_is_in_it() -> None:
    assert GtidSet().contains(GtidSet())
    assert not GtidSet().contains(GtidSet.parse(f"{A}:1"))
    assert f"{A}:1" not in GtidSet()
    assert (str(GtidSet()), GtidSet().count()) == ("", 0)


def test_lag_counts_transactions_and_is_never_negative() -> None:
    executed, applied = GtidSet.parse(f"{A}:1-10,{B}:1-5"), GtidSet.parse(f"{A}:1-8")
    assert executed.missing_from(applied) == 7
    assert applied.missing_from(executed) == 0
    assert executed.missing_from(executed) == 0


@pytest.mark.parametrize("text", [f"{A}:", f"{A}:1:", f"{A}::1", f"{A}:-1", f"{A}:1-2-3", ":1x"])
def test_half_a_set_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a GTID set|invalid literal"):
        GtidSet.parse(text)


@pytest.mark.parametrize("text", [f"{A}:1-", f"{A}:0", f"{A}:0-3", "nonsense:1"])
def test_what_no_server_writes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a GTID set|invalid literal"):
        GtidSet.parse(text)


def test_an_interval_that_ends_before_it_begins_holds_nothing() -> None:
    assert GtidSet.parse(f"{A}:5-3").count() == 0


@pytest.mark.parametrize("gtid", ["0-2-7", "0-2-6"])
def test_a_domain_that_is_logged_out_of_order_is_named_and_no_defect(gtid: str) -> None:
    found = GtidSet.parse("0-1-7,3-1-2")
    with pytest.raises(StartOverError, match=f"{gtid} does not come after 7"):
        found.add(gtid)
    assert str(found) == "0-1-7,3-1-2"
