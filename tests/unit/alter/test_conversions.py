"""A conversion that is silent about a loss must be one that is checked."""

from __future__ import annotations

import pytest

from pipeline.alter.conversions import bounds_alike, loud
from pipeline.mysql.table import Column, Kind


def column(kind: Kind, declared: str, charset: str | None = None, digits: int = 0) -> Column:
    data_type = declared.partition("(")[0].partition(" ")[0]
    collation = f"{charset}_x" if charset else None
    return Column("c", kind, data_type, declared, True, charset, collation, fraction_digits=digits)


INT = column(Kind.INTEGER, "int")
DOUBLE = column(Kind.DOUBLE, "double")
LATIN = column(Kind.TEXT, "varchar(9)", "latin1")
MOMENT = column(Kind.DATETIME, "datetime(3)", digits=3)

SILENT = (
    (DOUBLE, column(Kind.FLOAT, "float")),
    (DOUBLE, INT),
    (INT, DOUBLE),
    (column(Kind.DECIMAL, "decimal(9,2)"), INT),
    (MOMENT, column(Kind.DATETIME, "datetime")),
    (MOMENT, column(Kind.DATE, "date")),
    (column(Kind.BINARY, "varbinary(9)"), column(Kind.BINARY, "binary(9)")),
    (LATIN, column(Kind.TEXT, "char(9)", "latin1")),
    (column(Kind.TEXT, "text", "utf8mb4"), column(Kind.TEXT, "text", "latin1")),
    (column(Kind.TEXT, "text", "utf8mb4"), column(Kind.JSON, "json")),
    (column(Kind.FLOAT, "float"), column(Kind.TEXT, "varchar(30)", "utf8mb4")),
)
LOUD = (
    (INT, column(Kind.INTEGER, "tinyint unsigned")),
    (LATIN, column(Kind.TEXT, "varchar(3)", "utf8mb4")),
    (LATIN, column(Kind.TEXT, "text", "latin1")),
    (MOMENT, column(Kind.DATETIME, "datetime(6)", digits=6)),
    (column(Kind.ENUM, "enum('a','b')", "latin1"), column(Kind.ENUM, "enum('b')", "latin1")),
)


@pytest.mark.parametrize(("old", "new"), SILENT)
def test_what_a_server_may_lose_in_silence_is_checked(old: Column, new: Column) -> None:
    assert not loud(old, new)


@pytest.mark.parametrize(("old", "new"), LOUD)
def test_what_a_server_speaks_up_about_costs_no_check(old: Column, new: Column) -> None:
    assert loud(old, new)


@pytest.mark.parametrize(
    ("old", "new", "alike"),
    [
        (INT, column(Kind.INTEGER, "bigint unsigned"), True),
        (LATIN, column(Kind.TEXT, "varchar(90)", "latin1"), True),
        (LATIN, column(Kind.TEXT, "varchar(9)", "utf8mb4"), False),
        (LATIN, column(Kind.TEXT, "char(9)", "latin1"), False),
        (MOMENT, column(Kind.DATETIME, "datetime(6)", digits=6), False),
        (INT, column(Kind.DECIMAL, "decimal(9,0)"), False),
    ],
)
def test_a_key_is_followed_only_where_its_values_and_order_stay(
    old: Column, new: Column, alike: bool
) -> None:
    assert bounds_alike(old, new) is alike
