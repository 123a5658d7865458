"""Values that a server alters on their way through SQL, unless it is asked in the right words."""

from __future__ import annotations

import pytest

from pipeline.mysql.codecs import literal_expression
from pipeline.mysql.introspect import read_table
from pipeline.mysql.keyrange import KeyRange, bound_from_row, is_one_of
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.servers import create_statement
from pipeline.mysql.table import TableName
from pipeline.rows.read_lines import read_lines
from pipeline.rows.write_lines import write_lines
from tests.support.direct import rows_of
from tests.support.moves import SOURCE, TARGET

EVERYTHING = KeyRange(None, None)


def copied_exactly(pools: Pools, schema: str, columns: str, *rows: str) -> bytes:
    """Copy a table of these columns and rows; the lines that carried it."""
    name = TableName(schema, "t")
    with pools.begin(SOURCE) as source:
        run(source, "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'")
        run(source, f"CREATE TABLE {schema}.t ({columns})")
        for row in rows:
            run(source, f"INSERT INTO {schema}.t VALUES ({row})")
        table = read_table(source, name)
        run(source, "SET SESSION sql_mode = 'STRICT_ALL_TABLES'")
        lines = read_lines(source, table, name, EVERYTHING)
        statement = create_statement(source, name)
    with pools.begin(TARGET) as target:
        run(target, f"CREATE DATABASE IF NOT EXISTS {schema}")
        run(target, f"USE {schema}")
        run(target, statement)
        write_lines(target, table, name, lines.data, replace=False)
    assert rows_of(pools, SOURCE, table) == rows_of(pools, TARGET, table)
    assert len(rows_of(pools, TARGET, table)) == len(rows)
    return lines.data


def test_a_number_wider_than_its_display_width_is_not_cut(pools: Pools, schema: str) -> None:
    data = copied_exactly(
        pools, schema, "i INT(3) NOT NULL PRIMARY KEY, f TINYINT(1) NOT NULL",
        "-2147483648, -128", "5, 1",
    )  # fmt: skip
    assert data == b"-2147483648\t-128\n5\t1\n"


def test_the_exponent_of_a_long_double_is_not_cut(pools: Pools, schema: str) -> None:
    data = copied_exactly(
        pools, schema, "d DOUBLE NOT NULL PRIMARY KEY", "-2.7061851431813275e-129", "-0e0"
    )
    assert b"-2.7061851431813275e-129\n" in data


@pytest.mark.parametrize("number", ["16777216", "0.1", "1e-45", "3.4028234e38", "-1.17549435e-38"])
def test_a_float_keeps_its_bits(pools: Pools, schema: str, number: str) -> None:
    copied_exactly(pools, schema, "f FLOAT NOT NULL PRIMARY KEY", number)


def test_the_error_value_of_an_enum_is_not_the_empty_label(pools: Pools, schema: str) -> None:
    columns = "id INT PRIMARY KEY, e ENUM('a', '') NOT NULL"
    assert copied_exactly(pools, schema, columns, "1, 0", "2, 2", "3, 1") == b"1\t0\n2\t2\n3\t1\n"


def test_a_deprecated_character_set_is_no_failure(pools: Pools, schema: str) -> None:
    """Its name in a literal is a warning, which must not be taken for a cut value."""
    copied_exactly(
        pools, schema, "v VARCHAR(9) CHARACTER SET ucs2 PRIMARY KEY", "_ucs2 x'00e9005c0009'"
    )


def test_a_row_that_is_there_is_no_failure_where_the_server_shows_no_warnings(
    pools: Pools, schema: str
) -> None:
    """An INSERT of one row, as of one document of its own, tells of no duplicate but by warning."""
    columns = "id INT PRIMARY KEY, d JSON NOT NULL"
    data = copied_exactly(pools, schema, columns, "1, JSON_OBJECT('price', 1.50)")
    name = TableName(schema, "t")
    with pools.begin(SOURCE) as source:
        table = read_table(source, name)
    with pools.begin(TARGET) as target:
        run(target, "SET SESSION max_error_count = 0")
        write_lines(target, table, name, data, replace=False)
        run(target, "SET SESSION max_error_count = DEFAULT")


@pytest.mark.parametrize("kind", ["FLOAT", "DOUBLE"])
def test_a_row_is_found_by_the_literal_of_its_key(pools: Pools, schema: str, kind: str) -> None:
    """A literal with a digit less is another key: its row would never be deleted."""
    numbers = ("0.1", "-7.0142467903855775e-33", "16777217", "-0e0", "1e-38", "3.4028234e38")
    with pools.begin(SOURCE) as source:
        run(source, f"CREATE TABLE {schema}.t (f {kind} PRIMARY KEY)")
        for number in numbers:
            run(source, f"INSERT INTO {schema}.t VALUES ({number})")
        table = read_table(source, TableName(schema, "t"))
        (column,) = table.key_columns
        read = run(source, f"SELECT {literal_expression(column)} FROM {schema}.t").rows
        keys = [bound_from_row(row) for row in read]
        assert len(set(keys)) == len(numbers)
        for key in keys:
            found = run(source, f"SELECT f FROM {schema}.t WHERE {is_one_of(table, [key])}").rows
            assert len(found) == 1
