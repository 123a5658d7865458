"""A table's name in a text: not missed because it is quoted, and not found in a longer word."""

from __future__ import annotations

import pytest

from pipeline.mysql.dependents import names
from pipeline.mysql.table import TableName

TABLE = TableName("shop", "item")


@pytest.mark.parametrize(
    "text",
    [
        "select * from item", "SELECT * FROM Item WHERE 1", "select `shop`.`item`.`id` from x",
        "insert into shop . item values (1)", "update `item` set a = 1", "delete from item",
    ],
)  # fmt: skip
def test_a_name_is_found_however_it_is_written(text: str) -> None:
    assert names(text, TABLE, "shop")


@pytest.mark.parametrize("text", ["select * from items", "select item_id", "select 1 from xitem"])
def test_a_longer_word_is_another_name(text: str) -> None:
    assert not names(text, TABLE, "shop")


def test_elsewhere_only_the_qualified_name_counts() -> None:
    assert not names("select * from item", TABLE, "other")
    assert names("select * from shop.item", TABLE, "other")
    assert not names("select * from other.item", TABLE, "shop")


def test_a_name_with_backticks_is_found_as_it_is_quoted() -> None:
    assert names("select * from `a``b`", TableName("shop", "a`b"), "shop")
