"""Requests: what makes no sense is refused where it is made."""

from __future__ import annotations

from datetime import time

import pytest
from pydantic import TypeAdapter

from pipeline.domain.hook_names import Hook
from pipeline.domain.request import (
    AlterRequest,
    MigrationKind,
    MoveRequest,
    alter_request,
    move_request,
)
from pipeline.domain.window import Window
from pipeline.errors import DefectError, RefusedError
from pipeline.mysql.table import TableName

TABLE = TableName("shop", "orders")
MOVE = MoveRequest(source="old", target="new", tables=(TABLE,))
ALTER = AlterRequest(server="new", table=TABLE, change="ADD COLUMN c INT")


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


def test_the_first_event_never_leaves_out_what_was_asked_for() -> None:
    assert MOVE.summary == "move shop.orders from old to new"
    assert ALTER.summary == "alter shop.orders on new: ADD COLUMN c INT"
