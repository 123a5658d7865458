"""Values that the control schema keeps, there and back."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.names import alter_retired_name, retired_name_of, shadow_name
from pipeline.mysql.table import (
    Column,
    Key,
    Table,
    TableName,
    ValueKind,
    table_from_json,
    table_to_json,
)

# What MySQL takes for a name: no character beyond the basic plane.
names = st.text(
    st.characters(max_codepoint=0xFFFD, exclude_categories=["Cs"]), min_size=1, max_size=64
)
columns = st.builds(
    Column, name=names, kind=st.sampled_from(ValueKind), data_type=names, column_type=names,
    nullable=st.booleans(), charset=st.none() | names, collation=st.none() | names,
    generated=st.booleans(), fraction_digits=st.integers(0, 6),
)  # fmt: skip
tables = st.builds(
    Table,
    name=st.builds(TableName, names, names),
    columns=st.lists(columns, min_size=1).map(tuple),
    key=st.builds(Key, names, st.lists(names, min_size=1).map(tuple)),
)


@given(tables)
def test_a_definition_survives_the_control_schema(table: Table) -> None:
    assert table_from_json(json.loads(json.dumps(table_to_json(table)))) == table


@given(names, names)
def test_the_name_set_aside_is_one_that_a_server_takes(schema: str, name: str) -> None:
    retired_name = retired_name_of(TableName(schema, name))
    assert retired_name.schema == schema
    assert len(retired_name.name) <= 64
    assert retired_name.name.startswith("_")
    assert retired_name.name.endswith("_del")
    assert retired_name.name != name


@given(st.text(min_size=1, max_size=59))
def test_the_name_set_aside_keeps_a_name_that_fits_whole(name: str) -> None:
    assert retired_name_of(TableName("s", name)) == TableName("s", f"_{name}_del")


@given(names)
def test_tables_of_two_schemas_are_set_aside_in_their_own(name: str) -> None:
    assert retired_name_of(TableName("a", name)) != retired_name_of(TableName("b", name))


@given(tables)
def test_what_is_kept_of_a_definition_is_plain_json(table: Table) -> None:
    """A kind kept as anything but its own text would not be read back by a later version."""
    kept = json.loads(json.dumps(table_to_json(table)))
    assert [one["kind"] for one in kept["columns"]] == [str(one.kind) for one in table.columns]


def test_two_long_names_are_not_set_aside_under_one() -> None:
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
