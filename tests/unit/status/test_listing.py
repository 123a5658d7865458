"""Which migration is meant by the beginning of an id, and on which server it is.

The wrong one aborted is a week of copying lost.
"""

from __future__ import annotations

import pytest

from pipeline.errors import RefusedError, RetryableError
from pipeline.status.listing import only_match, refuse_short

ONE, OTHER = ("new", "ab12cd34"), ("newer", "ab99ffff")
DOWN = {"newer": RetryableError("Server newer: can't connect.")}
OLD = {"older": RefusedError("The control schema on older is of an earlier version.")}


def test_the_only_one_is_found_with_its_target() -> None:
    assert only_match("ab1", [ONE], {}) == ONE


def test_one_that_is_found_is_meant_though_another_server_is_silent() -> None:
    assert only_match("ab12cd34", [ONE], DOWN) == ONE


@pytest.mark.parametrize("given", ["ab", ""])
def test_a_beginning_that_two_have_is_refused_and_names_both(given: str) -> None:
    with pytest.raises(RefusedError, match="ab12cd34, ab99ffff") as refused:
        only_match(given, [ONE, OTHER], {})
    assert refused.value.remedy == "Give more of the id."


def test_a_full_id_is_meant_even_if_another_begins_with_it() -> None:
    short = ("new", "ab12")
    assert only_match("ab12", [ONE, short], {}) == short


def test_one_id_on_two_servers_is_refused() -> None:
    """A replica of a target that was made a target itself has the same rows."""
    with pytest.raises(RefusedError, match="beginning of ab12cd34, ab12cd34"):
        only_match("ab12cd34", [ONE, ("newer", "ab12cd34")], {})


def test_none_is_refused() -> None:
    with pytest.raises(RefusedError, match="There is no migration ab1") as refused:
        only_match("ab1", [], {})
    assert refused.value.remedy == "See: tranship list"


def test_none_is_not_said_to_be_none_while_a_server_is_silent() -> None:
    with pytest.raises(RetryableError, match="on the servers that answer") as error:
        only_match("ab1", [], DOWN)
    assert error.value.remedy == str(DOWN["newer"])


def test_a_server_that_will_answer_later_comes_before_one_that_never_will() -> None:
    with pytest.raises(RetryableError):
        only_match("ab1", [], {**OLD, **DOWN})


def test_a_server_that_can_t_be_asked_at_all_is_no_reason_to_try_again() -> None:
    with pytest.raises(RefusedError, match="on the servers that can be asked") as refused:
        only_match("ab1", [], OLD)
    assert refused.value.remedy == str(OLD["older"])


@pytest.mark.parametrize(
    ("given", "said"), [("", "Is the variable set"), ("a", "too short"), ("abc", "too short")]
)
def test_an_unset_variable_never_names_the_only_migration(given: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        refuse_short(given)


def test_four_characters_of_an_id_are_enough() -> None:
    refuse_short("253a")
