"""Requests: what makes no sense is refused where it is made, and what is stored is what was."""

from __future__ import annotations

import json
from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pipeline.domain.hook_names import Hook
from pipeline.domain.request import (
    AlterRequest,
    MigrationKind,
    MoveRequest,
    Request,
    alter_request,
    move_request,
)
from pipeline.domain.window import Window
from pipeline.errors import DefectError, RefusedError
from pipeline.mysql.table import TableName

TABLE = TableName("shop", "orders")
MOVE = MoveRequest(source="old", target="new", tables=(TABLE,))
ALTER = AlterRequest(server="new", table=TABLE, change="ADD COLUMN c INT")

texts = st.text(min_size=1, max_size=20)
names = st.builds(TableName, texts, texts)
windows = st.builds(Window, st.times(), st.times(), st.just("Europe/Berlin"))
terms = {
    "with_triggers": st.booleans(),
    "json_as_text": st.booleans(),
    "hooks": st.dictionaries(st.sampled_from(Hook), st.just("/bin/true --x 'y z'")),
    "chunk_rows": st.none() | st.integers(1, 10**6),
    "cut_over_window": st.none() | windows,
    "postpone_cut_over": st.booleans(),
}
seconds = st.none() | st.floats(1, 1e6)
moves = st.builds(
    MoveRequest, source=texts, target=texts, tables=st.lists(names, min_size=1).map(tuple),
    target_schema=st.none() | texts, **terms,
)  # fmt: skip
alters = st.builds(
    AlterRequest, server=texts, table=names, change=texts,
    renames=st.dictionaries(texts, texts), accepted=st.lists(texts).map(tuple),
    lock_timeout_s=seconds, force_after_s=seconds, **terms,
)  # fmt: skip


@given(moves | alters)
def test_a_request_survives_the_control_schema_and_stays_what_it_is(request: Request) -> None:
    adapter: TypeAdapter[Request] = TypeAdapter(Request)
    kept = json.loads(json.dumps(adapter.dump_python(request, mode="json"), sort_keys=True))
    assert kept["kind"] == request.kind
    assert adapter.validate_python(kept) == request


@pytest.mark.parametrize("value", [0, -1])
def test_a_number_that_is_too_small_is_refused_by_the_name_that_python_gives_it(
    value: float,
) -> None:
    with pytest.raises(RefusedError, match=f"`chunk_rows={value}`"):
        MoveRequest(source="old", target="new", tables=(TABLE,), chunk_rows=int(value))
    with pytest.raises(RefusedError, match=f"`lock_timeout_s={value}`"):
        AlterRequest(server="new", table=TABLE, change="FORCE", lock_timeout_s=value)
    with pytest.raises(RefusedError, match="`force_after_s=nan`"):
        AlterRequest(server="new", table=TABLE, change="FORCE", force_after_s=float("nan"))


@pytest.mark.parametrize(("command", "said"), [("x 'y", "can't be read"), (" ", "no command")])
def test_a_hook_that_could_not_run_is_refused_at_once(command: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        MoveRequest(source="old", target="new", tables=(TABLE,), hooks={Hook.STARTUP: command})


def test_both_offer_what_a_start_looks_at() -> None:
    assert (MOVE.source, MOVE.target, MOVE.tables, MOVE.kind) == (
        "old", "new", (TABLE,), MigrationKind.MOVE
    )  # fmt: skip
    assert (ALTER.source, ALTER.target, ALTER.tables, ALTER.kind) == (
        "new", "new", (TABLE,), MigrationKind.ALTER
    )  # fmt: skip
    assert MOVE.target_name(TABLE) == TABLE
    assert ALTER.target_name(TABLE) == TableName("shop", "orders_tranship_new")


def test_what_is_for_one_kind_is_not_given_the_other() -> None:
    assert alter_request(ALTER) is ALTER
    assert move_request(MOVE) is MOVE
    with pytest.raises(DefectError):
        alter_request(MOVE)
    with pytest.raises(DefectError):
        move_request(ALTER)


def test_a_stored_window_can_be_read_where_its_zone_is_not_known() -> None:
    adapter: TypeAdapter[Window] = TypeAdapter(Window)
    kept = {"begin": "02:00:00", "end": "04:00:00", "zone": "Mars/Base"}
    window = adapter.validate_python(kept)
    assert window == Window(time(2), time(4), "Mars/Base")
    assert str(window) == "02:00-04:00 Mars/Base"
