"""Values of the domain, as hypothesis makes them."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from pipeline.domain.alter_plan import AlterPlan, Fill
from pipeline.domain.hook_names import Hook
from pipeline.domain.migration import DdlConnection, Failure, RunningSearch
from pipeline.domain.reading import Reading, Signal
from pipeline.domain.request import AlterRequest, MoveRequest
from pipeline.domain.role import Role
from pipeline.domain.way_back import Direction, StreamStart, WayBack
from pipeline.domain.window import Window
from pipeline.mysql.gtid import GtidSet
from pipeline.mysql.indexes import DeferredIndex
from pipeline.mysql.server_run import ServerRun
from pipeline.mysql.table import Column, Key, Table, TableName, ValueKind

# What MySQL takes for a name: no character beyond the basic plane.
names = st.text(
    st.characters(max_codepoint=0xFFFD, exclude_categories=["Cs"]), min_size=1, max_size=64
)
texts = st.text(max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
table_names = st.builds(TableName, names, names)

columns = st.builds(
    Column, name=names, kind=st.sampled_from(ValueKind), data_type=names, column_type=names,
    nullable=st.booleans(), charset=st.none() | names, collation=st.none() | names,
    generated=st.booleans(), virtual=st.booleans(), as_text=st.booleans(),
    fraction_digits=st.integers(0, 6),
)  # fmt: skip
tables = st.builds(
    Table,
    name=table_names,
    columns=st.lists(columns, min_size=1, max_size=4).map(tuple),
    key=st.builds(Key, names, st.lists(names, min_size=1, max_size=3).map(tuple)),
    between_flavours=st.booleans(),
)
some_names = st.lists(names, max_size=3).map(tuple)
alter_plans = st.builds(
    AlterPlan, ddl=texts, kept=tables, shadow=tables,
    fills=st.lists(st.builds(Fill, names, texts), max_size=3).map(tuple),
    retyped=st.booleans(), checked=some_names, new_unique=some_names,
    carried=st.lists(columns, max_size=2).map(tuple),
)  # fmt: skip

_terms = {
    "with_triggers": st.booleans(),
    "json_as_text": st.booleans(),
    "hooks": st.dictionaries(st.sampled_from(Hook), st.just("/bin/true --x 'y z'")),
    "chunk_rows": st.none() | st.integers(1, 10**6),
    "cut_over_window": st.none() | st.builds(Window, st.times(), st.times(), texts),
    "postpone_cut_over": st.booleans(),
}
_seconds = st.none() | st.floats(1, 1e6)
_moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
_names_of_tables = st.lists(table_names, max_size=3).map(tuple)
_backs = st.builds(
    WayBack, of=texts, direction=st.sampled_from(Direction), retired=_names_of_tables,
    names=_names_of_tables, until=_moments,
)  # fmt: skip
_runs = st.builds(ServerRun, texts, st.integers(0, 2**40), st.booleans())
stream_starts = st.builds(StreamStart, texts, some_names, texts, _runs, st.floats(0, 1e10))
requests = st.builds(
    MoveRequest, source=texts, target=texts, tables=_names_of_tables,
    target_schema=st.none() | names, defer_secondary_indexes=st.booleans(), way_back_s=_seconds,
    back=st.none() | _backs, **_terms,
) | st.builds(
    AlterRequest, server=texts, table=table_names, change=texts,
    renames=st.dictionaries(names, names, max_size=3), accepted=some_names,
    lock_timeout_s=_seconds, force_after_s=_seconds, way_back_s=_seconds,
    back=st.none() | _backs, **_terms,
)  # fmt: skip

deferred_indexes = st.builds(DeferredIndex, names, texts)
ddl_connections = st.builds(DdlConnection, texts, st.integers(1), _moments)
running_searches = st.builds(
    RunningSearch, texts, _moments, _moments, st.integers(0), st.integers(0)
)
failures = st.builds(Failure, st.sampled_from(Role), texts, texts, st.booleans())
readings = st.builds(
    Reading, st.sampled_from(Signal), st.none() | numbers, numbers, *[st.none() | texts] * 3
)
_intervals = st.lists(st.integers(1, 10**9), min_size=2, max_size=2, unique=True).map(sorted)
gtid_sets = st.builds(
    lambda uuid, interval: GtidSet.parse(f"{uuid}:{interval[0]}-{interval[1]}"),
    st.uuids(), _intervals,
) | st.just(GtidSet())  # fmt: skip
