"""The name of a trigger is taken for as long as the old table is there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.names import other_name


@given(st.text(min_size=1, max_size=64))
def test_a_trigger_gets_a_name_that_it_does_not_have(name: str) -> None:
    assert other_name(name) != name
    assert 0 < len(other_name(name)) <= 64


@given(st.text(min_size=1, max_size=55))
def test_the_second_alter_gives_it_its_first_name_again(name: str) -> None:
    if not name.endswith("_tranship"):
        assert other_name(other_name(name)) == name
