"""A conversion that is silent about a loss must be one that is checked."""

from __future__ import annotations

import pytest

from pipeline.alter.conversions import bounds_alike, reports_loss
from pipeline.mysql.table import Column, ValueKind


def column(kind: ValueKind, declared: str, charset: str | None = None, digits: int = 0) -> Column:
    data_type = declared.partition("(")[0].partition(" ")[0]
    collation = f"{charset}_x" if charset else None
    return Column("c", kind, data_type, declared, True, charset, collation, fraction_digits=digits)


INT = column(ValueKind.INTEGER, "int")
DOUBLE = column(ValueKind.DOUBLE, "double")
ROUNDED = column(ValueKind.DOUBLE, "double(8,2)")
LATIN = column(ValueKind.TEXT, "varchar(9)", "latin1")
MOMENT = column(ValueKind.DATETIME, "datetime(3)", digits=3)

SILENT = (
    (DOUBLE, column(ValueKind.FLOAT, "float")),
    (DOUBLE, ROUNDED),
    (column(ValueKind.FLOAT, "float"), ROUNDED),
    (column(ValueKind.FLOAT, "float"), column(ValueKind.FLOAT, "float(8,2)")),
    (DOUBLE, INT),
    (INT, DOUBLE),
    (column(ValueKind.DECIMAL, "decimal(9,2)"), INT),
    (MOMENT, column(ValueKind.DATETIME, "datetime")),
    (MOMENT, column(ValueKind.DATE, "date")),
    (column(ValueKind.BINARY, "varbinary(9)"), column(ValueKind.BINARY, "binary(9)")),
    (LATIN, column(ValueKind.TEXT, "char(9)", "latin1")),
    (column(ValueKind.TEXT, "text", "utf8mb4"), column(ValueKind.TEXT, "text", "latin1")),
    (column(ValueKind.TEXT, "text", "utf8mb4"), column(ValueKind.JSON, "json")),
    (column(ValueKind.FLOAT, "float"), column(ValueKind.TEXT, "varchar(30)", "utf8mb4")),
)
LOUD = (
    (ROUNDED, DOUBLE),
    (column(ValueKind.FLOAT, "float"), DOUBLE),
    (INT, column(ValueKind.INTEGER, "tinyint unsigned")),
    (LATIN, column(ValueKind.TEXT, "varchar(3)", "utf8mb4")),
    (LATIN, column(ValueKind.TEXT, "text", "latin1")),
    (MOMENT, column(ValueKind.DATETIME, "datetime(6)", digits=6)),
    (
        column(ValueKind.ENUM, "enum('a','b')", "latin1"),
        column(ValueKind.ENUM, "enum('b')", "latin1"),
    ),
)


@pytest.mark.parametrize(("old", "new"), SILENT)
def test_what_a_server_may_lose_silently_is_checked(old: Column, new: Column) -> None:
    assert not reports_loss(old, new)


@pytest.mark.parametrize(("old", "new"), LOUD)
def test_a_loss_that_a_server_reports_costs_no_check(old: Column, new: Column) -> None:
    assert reports_loss(old, new)


@pytest.mark.parametrize(
    ("old", "new", "alike"),
    [
        (INT, column(ValueKind.INTEGER, "bigint unsigned"), True),
        (LATIN, column(ValueKind.TEXT, "varchar(90)", "latin1"), True),
        (LATIN, column(ValueKind.TEXT, "varchar(9)", "utf8mb4"), False),
        (LATIN, column(ValueKind.TEXT, "char(9)", "latin1"), False),
        (MOMENT, column(ValueKind.DATETIME, "datetime(6)", digits=6), False),
        (INT, column(ValueKind.DECIMAL, "decimal(9,0)"), False),
    ],
)
def test_a_key_is_followed_only_where_its_values_and_order_stay(
    old: Column, new: Column, alike: bool
) -> None:
    assert bounds_alike(old, new) is alike
