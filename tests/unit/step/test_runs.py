"""Runs of chunks: each due chunk at most once, only adjoining ones together, bounded in size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.control.check_messages import DueCheck
from pipeline.control.chunk_checks import CHUNKS_AT_ONCE
from pipeline.step.runs import chunks_at_once, in_runs

MIB = 1 << 20


def due(numbers: range | list[int], size: int | None = MIB) -> list[DueCheck]:
    return [DueCheck(number, size) for number in numbers]


@given(st.sets(st.integers(0, 60)), st.integers(1, 8))
def test_no_chunk_is_sent_twice_nor_one_that_is_not_due(numbers: set[int], most: int) -> None:
    runs = in_runs(due(sorted(numbers)), most, CHUNKS_AT_ONCE)
    sent = [number for run in runs for number in run]
    assert len(runs) <= most
    assert len(sent) == len(set(sent))
    assert set(sent) <= numbers
    assert all(run for run in runs)


def test_a_gap_is_never_part_of_a_run() -> None:
    runs = in_runs(due([3, 4, 6, 7]), 1, CHUNKS_AT_ONCE)
    assert runs == [range(3, 5)]


def test_chunks_that_were_tried_more_often_never_join_those_before_them() -> None:
    """The fewest attempts come first, so the numbers need not rise."""
    assert in_runs(due([5, 6, 2, 3]), 8, CHUNKS_AT_ONCE) == [
        range(5, 6), range(6, 7), range(2, 3), range(3, 4),
    ]  # fmt: skip
    assert in_runs(due([5, 6, 2, 3]), 4, CHUNKS_AT_ONCE) == [range(5, 7), range(2, 4)]


def test_few_chunks_never_leave_workers_idle() -> None:
    """Half of the messages in flight wait for a worker, so there are half as many workers."""
    assert [len(run) for run in in_runs(due(range(16)), 8, CHUNKS_AT_ONCE)] == [4] * 4
    assert [len(run) for run in in_runs(due(range(3)), 8, CHUNKS_AT_ONCE)] == [1] * 3


def test_many_chunks_never_make_a_task_that_takes_too_long() -> None:
    runs = in_runs(due(range(8 * CHUNKS_AT_ONCE)), 8, CHUNKS_AT_ONCE)
    assert [len(run) for run in runs] == [CHUNKS_AT_ONCE] * 8
    large = in_runs(due(range(8 * CHUNKS_AT_ONCE), size=30 * MIB), 8, CHUNKS_AT_ONCE)
    assert [len(run) for run in large] == [2] * 8
    assert in_runs(due([1, 2], size=999 * MIB), 1, CHUNKS_AT_ONCE) == [range(1, 2)]


def test_what_is_always_written_meanwhile_is_never_tried_again_in_the_same_long_run() -> None:
    tried = [DueCheck(number, MIB, attempt=2) for number in range(32)]
    assert [len(run) for run in in_runs(tried, 8, CHUNKS_AT_ONCE)] == [4] * 8
    often = [DueCheck(number, MIB, attempt=99) for number in range(32)]
    assert [len(run) for run in in_runs(often, 8, CHUNKS_AT_ONCE)] == [1] * 8


def test_rows_that_are_converted_to_be_compared_are_never_many() -> None:
    at_once = chunks_at_once(False)
    assert at_once < chunks_at_once(True) == CHUNKS_AT_ONCE
    for most in range(1, 9):
        runs = in_runs(due(range(most * at_once)), most, at_once)
        assert [len(run) for run in runs] == [at_once] * most


def test_a_chunk_of_unknown_size_is_never_left_out() -> None:
    assert in_runs(due([0], size=None), 8, CHUNKS_AT_ONCE) == [range(1)]


def test_nothing_due_never_makes_a_message() -> None:
    assert in_runs([], 8, CHUNKS_AT_ONCE) == []
