"""The names that a migration gives: each fits a server, and none is taken already."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.names import alter_retired_name, other_name, retired_name_of, shadow_name
from pipeline.mysql.table import TableName
from tests.support.strategies import names


@given(st.text(min_size=1, max_size=64))
def test_a_trigger_gets_a_name_that_it_does_not_have(name: str) -> None:
    assert other_name(name) != name
    assert 0 < len(other_name(name)) <= 64


@given(st.text(min_size=1, max_size=55))
def test_the_second_alter_gives_it_its_first_name_again(name: str) -> None:
    if not name.endswith("_tranship"):
        assert other_name(other_name(name)) == name


@given(names, names)
def test_a_retired_name_is_one_that_a_server_accepts(schema: str, name: str) -> None:
    retired_name = retired_name_of(TableName(schema, name))
    assert retired_name.schema == schema
    assert len(retired_name.name) <= 64
    assert retired_name.name.startswith("_")
    assert retired_name.name.endswith("_del")
    assert retired_name.name != name


@given(st.text(min_size=1, max_size=50))
def test_a_retired_name_keeps_all_of_a_name_that_fits(name: str) -> None:
    assert retired_name_of(TableName("s", name)) == TableName("s", f"_{name}_del")


@given(names)
def test_tables_of_two_schemas_keep_their_schemas_when_they_are_retired(name: str) -> None:
    assert retired_name_of(TableName("a", name)) != retired_name_of(TableName("b", name))


@pytest.mark.parametrize("name", ["t" * length for length in (40, 45, 52, 58, 64)])
@pytest.mark.parametrize("named", [retired_name_of, alter_retired_name, shadow_name])
def test_the_constraints_of_a_renamed_table_get_names_that_fit(
    name: str, named: Callable[[TableName], TableName]
) -> None:
    """Or the rename fails while writes wait: a server calls them by the table's new name."""
    assert len(named(TableName("s", name)).name + "_ibfk_999") <= 64


def test_two_triggers_that_begin_alike_get_a_name_each() -> None:
    one, other = ("x" * 55 + end for end in ("_insert", "_update"))
    assert other_name(one) != other_name(other)


def test_two_long_names_do_not_share_a_retired_name() -> None:
    one, other = ("x" * 60 + end for end in ("_202", "_203"))
    assert retired_name_of(TableName("s", one)) != retired_name_of(TableName("s", other))


@given(names.filter(lambda name: name < "\uffee"))
def test_the_names_of_an_alter_sort_after_the_tables_so_that_its_rename_waits_for_that_first(
    name: str,
) -> None:
    """Servers compare the bytes; some have made all letters small before."""
    for beside in (shadow_name, alter_retired_name):
        other = beside(TableName("s", name)).name
        assert name.encode() < other.encode()
        assert len(other) <= 64
    assert shadow_name(TableName("s", name)) != alter_retired_name(TableName("s", name))


def test_two_long_names_have_a_shadow_each() -> None:
    one, other = ("x" * 60 + end for end in ("_202", "_203"))
    assert shadow_name(TableName("s", one)) != shadow_name(TableName("s", other))
