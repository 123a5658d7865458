"""How many rows the next chunk has, whatever the last ones cost.

One that is too large holds a worker up for minutes, and is as long in being repaired; very small
ones are all overhead.
"""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.configuration.settings import Copy
from pipeline.control.chunks import CopyPace
from pipeline.copy.chunker import (
    SMALLEST_CHUNK,
    chunk_sizes,
    first_chunk_rows,
    next_chunk_rows,
)

WANTED = Copy(chunk_bytes=4_000_000, chunk_s=0.5, chunk_rows_max=50_000)
ROWS = st.integers(SMALLEST_CHUNK, 1_000_000)
PACES = st.builds(
    CopyPace,
    rows=st.integers(1, 1_000_000),
    bytes=st.integers(0, 10**12),
    seconds=st.floats(0, 10_000),
)


def pace(row_bytes: float, row_s: float, rows: int = 1_000_000) -> CopyPace:
    return CopyPace(rows, round(row_bytes * rows), row_s * rows)


@given(ROWS, PACES)
def test_one_odd_chunk_does_not_swing_the_size(rows: int, pace: CopyPace) -> None:
    found = next_chunk_rows(rows, pace, WANTED)
    assert rows // 2 <= found <= rows * 2


@given(st.integers(1, 1_000_000), PACES)
def test_no_chunk_is_all_overhead(rows: int, pace: CopyPace) -> None:
    found = next_chunk_rows(rows, pace, WANTED)
    row_bytes = max(pace.bytes / pace.rows, 1)
    assert found >= SMALLEST_CHUNK or (found + 0.5) * row_bytes >= WANTED.chunk_bytes or found == 1


@given(ROWS, PACES)
def test_a_chunk_that_is_too_large_shrinks_as_fast_as_it_may(rows: int, pace: CopyPace) -> None:
    """Larger than the time, the bytes or the rows allow it is only on its way down."""
    found = next_chunk_rows(rows, pace, WANTED)
    allowed = min(
        WANTED.chunk_s / max(pace.seconds / pace.rows, 1e-9),
        WANTED.chunk_bytes / max(pace.bytes / pace.rows, 1),
        WANTED.chunk_rows_max,
    )
    assert found <= max(allowed + 0.5, rows / 2 + 0.5, SMALLEST_CHUNK)


@pytest.mark.parametrize(
    ("row_bytes", "row_s", "settles_at"),
    [
        (100, 1e-6, 40_000),  # by bytes
        (100, 1e-4, 5_000),  # by time
        (1, 1e-9, 50_000),  # by rows
        (1_000_000, 1e-6, 4),
        (10_000_000, 1e-6, 1),
        (100, 1, SMALLEST_CHUNK),
    ],
)
@pytest.mark.parametrize("rows", [SMALLEST_CHUNK, 10_000, 1_000_000])
def test_at_a_steady_pace_the_size_settles(
    rows: int, row_bytes: float, row_s: float, settles_at: int
) -> None:
    for _ in range(25):
        rows = next_chunk_rows(rows, pace(row_bytes, row_s), WANTED)
    assert rows == pytest.approx(settles_at, abs=1)


@pytest.mark.parametrize(
    ("rows", "size", "expected"),
    [
        (1_000_000, 230_000_000, 10_000),  # narrow rows
        (400, 400_000_000, 4),
        (400, 4_000_000_000, 1),  # a row is larger than a chunk should be
        (20, 4_000_000, 10_000),  # all of it is one chunk
        (0, 16_384, 10_000),  # the server does not know yet
        (0, 400_000_000, 10_000),
    ],
)
def test_the_first_chunk_of_a_table_of_blobs_fits_in_memory(
    rows: int, size: int, expected: int
) -> None:
    assert first_chunk_rows(WANTED, rows, size) == expected


def test_the_first_rows_are_there_soon_and_no_later_chunk_is_small() -> None:
    assert list(islice(chunk_sizes(None, 10_000), 6)) == [*[2_500] * 4, 10_000, 10_000]
    assert list(islice(chunk_sizes(None, 400), 6)) == [400] * 6
    assert list(islice(chunk_sizes(("1",), 10_000), 2)) == [10_000, 10_000]


def test_before_the_first_chunk_the_size_is_the_one_asked_for() -> None:
    assert next_chunk_rows(777, CopyPace(0, 0, 0.0), WANTED) == 777
