"""Keys cut into statements: none is left out, none is named twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.mysql.keyrange import in_slices


@given(st.lists(st.integers()), st.integers(1, 7))
def test_every_key_is_in_exactly_one_slice_and_in_order(keys: list[int], size: int) -> None:
    slices = list(in_slices(keys, size))
    assert [key for some in slices for key in some] == keys
    assert all(0 < len(some) <= size for some in slices)


def test_no_keys_never_make_a_statement() -> None:
    assert list(in_slices([], 3)) == []
