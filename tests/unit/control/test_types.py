"""What the control schema keeps comes back as it was: each stored type, there and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy.dialects import mysql

from pipeline.control.schema import (
    index_builds,
    metadata,
    migration_tables,
    migrations,
    schedules,
    streams,
    throttles,
)
from pipeline.control.types import Gtids, Json, Prose, UtcDateTime
from pipeline.domain.request import Request
from pipeline.errors import DefectError
from pipeline.mysql.table import Table
from tests.support import strategies

_DIALECT = mysql.dialect()


def bound(column_type: Any, value: Any) -> Any:
    """What the driver is given."""
    bind = column_type.dialect_impl(_DIALECT).bind_processor(_DIALECT)
    return value if bind is None else bind(value)


def read(column_type: Any, kept: Any) -> Any:
    """What a row's value becomes."""
    result = column_type.dialect_impl(_DIALECT).result_processor(_DIALECT, None)
    return kept if result is None else result(kept)


STORED = {
    migration_tables.c.definition: strategies.tables,
    migration_tables.c.alter_plan: strategies.alter_plans,
    migrations.c.request: strategies.requests,
    migrations.c.failure: strategies.failures,
    index_builds.c.indexes: st.lists(strategies.deferred_indexes, max_size=3).map(tuple),
    index_builds.c.failure: strategies.failures,
    migrations.c.ddl_connection: strategies.ddl_connections,
    migrations.c.log_search: strategies.running_searches,
    migrations.c.way_back_start: strategies.stream_starts,
    migration_tables.c.returns_to: strategies.table_names,
    schedules.c.request: strategies.requests,
    streams.c.prepared_xa: st.lists(strategies.texts, max_size=3).map(tuple),
    throttles.c.reasons: st.lists(strategies.readings, max_size=3).map(tuple),
    throttles.c.overrides: st.dictionaries(strategies.texts, strategies.numbers, max_size=3),
}


@pytest.mark.parametrize("column", STORED, ids=str)
@settings(suppress_health_check=[HealthCheck.too_slow])  # the first draw reads all of Unicode
@given(data=st.data())
def test_a_value_of_a_json_column_comes_back_as_it_was(column: Any, data: st.DataObject) -> None:
    value = data.draw(STORED[column])
    # A server sorts the keys of an object.
    kept = json.dumps(json.loads(bound(column.type, value)), sort_keys=True)
    assert read(column.type, kept) == value


def test_no_json_column_is_left_out_here() -> None:
    columns = [column for table in metadata.sorted_tables for column in table.columns]
    assert {str(one) for one in columns if isinstance(one.type, Json)} == {str(c) for c in STORED}


@given(strategies.tables)
def test_what_is_kept_of_a_definition_is_plain_json(table: Table) -> None:
    """A kind kept as anything but its own text would not be read back by a later version."""
    kept = json.loads(bound(migration_tables.c.definition.type, table))
    assert [one["kind"] for one in kept["columns"]] == [str(one.kind) for one in table.columns]


@given(strategies.requests)
def test_a_stored_request_says_which_kind_it_is(request: Request) -> None:
    assert json.loads(bound(migrations.c.request.type, request))["kind"] == request.kind


def test_a_value_that_is_not_of_its_type_is_not_read() -> None:
    with pytest.raises(ValidationError):
        read(migrations.c.failure.type, '{"role": "copy", "explanation": "why"}')


zones = st.sampled_from([UTC, ZoneInfo("Europe/Berlin"), timezone(timedelta(hours=-11))])


@given(st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30), timezones=zones))
def test_a_moment_is_kept_in_utc_and_comes_back_as_the_same_moment(moment: datetime) -> None:
    kept = bound(UtcDateTime(), moment)
    assert kept.tzinfo is None
    assert read(UtcDateTime(), kept) == moment.astimezone(UTC)
    assert read(UtcDateTime(), kept).tzinfo is UTC


def test_a_moment_without_a_zone_is_not_written_as_if_it_had_ours() -> None:
    with pytest.raises(DefectError, match="no time zone"):
        bound(UtcDateTime(), datetime(2026, 1, 1))


@given(strategies.gtid_sets)
def test_a_set_of_transactions_comes_back_as_it_was(gtids: Any) -> None:
    assert read(Gtids(), bound(Gtids(), gtids)) == gtids


def test_null_stays_null() -> None:
    for column_type in (UtcDateTime(), Gtids(), migrations.c.failure.type, migrations.c.stage.type):
        assert bound(column_type, None) is None
        assert read(column_type, None) is None


def test_a_stage_that_there_is_not_is_neither_written_nor_read() -> None:
    with pytest.raises(LookupError):
        bound(migrations.c.stage.type, "nonsense")
    with pytest.raises(LookupError):
        read(migrations.c.stage.type, "nonsense")


def test_a_message_that_names_very_many_tables_never_stops_a_cut_over() -> None:
    """The rename of some 700 tables is longer than a TEXT, and the server would refuse it."""
    columns = (one for table in metadata.sorted_tables for one in table.columns)
    texts = [one for one in columns if one.type.compile(dialect=_DIALECT) == "TEXT"]
    assert texts
    for column in texts:
        kept = bound(column.type, "RENAME TABLE " + "\N{GRINNING FACE}" * 70_000)
        assert kept.startswith("RENAME TABLE ")
        assert len(kept.encode()) <= 65_535
    assert bound(Prose(), "short") == "short"
    assert bound(Prose(), None) is None
