"""What a command line asks for is what is started: a text that is taken for another is not."""

from __future__ import annotations

from datetime import time

import pytest

from ops.cli.requests import parse_alter, parse_hooks, parse_move, parse_renames
from pipeline.domain.hook_names import Hook
from pipeline.domain.request import AlterRequest, MoveRequest
from pipeline.domain.window import Window
from pipeline.errors import RefusedError
from pipeline.mysql.table import TableName


def test_each_text_of_a_move_becomes_what_it_means() -> None:
    assert parse_move(
        ["shop.orders", "shop.dot.ted"], ["success=/opt/switch.sh --to new"],
        "2:00-4:30 Europe/Berlin", source="old", target="new", chunk_rows=7,
    ) == MoveRequest(
        source="old", target="new", chunk_rows=7,
        tables=(TableName("shop", "orders"), TableName("shop", "dot.ted")),
        hooks={Hook.ON_SUCCESS: "/opt/switch.sh --to new"},
        cut_over_window=Window(time(2), time(4, 30), "Europe/Berlin"),
    )  # fmt: skip


def test_each_text_of_an_alter_becomes_what_it_means() -> None:
    assert parse_alter(
        "shop.orders", ["a=b", "c==d"], ("f", "g"), server="new", change="FORCE"
    ) == AlterRequest(
        server="new", table=TableName("shop", "orders"), change="FORCE",
        renames={"a": "b", "c": "=d"}, accepted=("f", "g"),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["orders", ".orders", "shop."])
def test_a_table_without_its_schema_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match=r"is not SCHEMA\.TABLE"):
        parse_move([text], source="old", target="new")


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["startup"], "is not NAME=COMMAND"),
        (["startup="], "is not NAME=COMMAND"),
        (["=x"], "is not NAME=COMMAND"),
        (["start=x"], "There is no hook 'start'"),
        (["success=x", "on-success=y"], "Hook on-success is given twice"),
    ],
)
def test_a_hook_that_can_be_misunderstood_is_refused(texts: list[str], said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        parse_hooks(texts)


@pytest.mark.parametrize(
    ("texts", "said"), [(["v"], "is not OLD=NEW"), (["v=w", "v=x"], "Column v is renamed twice")]
)
def test_a_rename_that_can_be_misunderstood_is_refused(texts: list[str], said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        parse_renames(texts)
