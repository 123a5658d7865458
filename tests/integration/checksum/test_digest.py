"""Rows that differ have other bits, and rows that are equal have the same."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from pipeline.checksum.digest import range_digest
from pipeline.checksum.row_hash import row_bits
from pipeline.checksum.row_sources import Rows
from pipeline.mysql.introspect import read_table
from pipeline.mysql.keyrange import KeyRange
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.table import TableName
from tests.support.direct import DirectMove
from tests.support.moves import SOURCE, TARGET
from tests.support.verification import (
    on_target,
)

EVERYTHING = KeyRange(None, None)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {t} SET v = 'Y' WHERE id IN (3, 4)",  # stale alike: CRC32 under XOR misses it
        "UPDATE {t} SET n = IF(id = 3, 4, 3) WHERE id IN (3, 4)",  # swapped values
        "UPDATE {t} SET v = NULL WHERE id = 3",
        "UPDATE {t} SET v = '\\\\N' WHERE id = 3",
        "UPDATE {t} SET v = 'n' WHERE id = 3",  # equal by collation
        "DELETE FROM {t} WHERE id = 30",
        "INSERT INTO {t} VALUES (31, 'N', 31)",
    ],
)
def test_no_difference_escapes_the_digest(move: DirectMove, change: str) -> None:
    on_target(move, change)
    table = move.table.definition
    with move.pools.begin(SOURCE) as source, move.pools.begin(TARGET) as target:
        ours = range_digest(Rows(source, table, True), EVERYTHING)
        theirs = range_digest(Rows(target, table, False), EVERYTHING)
    assert ours != theirs


@pytest.mark.parametrize("as_number", [False, True])
def test_rows_that_differ_in_no_more_than_where_a_field_ends_have_other_bits(
    pools: Pools, schema: str, as_number: bool
) -> None:
    values = ["NULL", "''", "'N'", "'a'", "'\\t'", "'\\\\N'", "'1'", "'1\\ta'", "'a\\t1\\ta'"]
    rows = ", ".join(f"({one}, {other})" for one in values for other in values)
    with pools.begin(SOURCE) as source:
        run(
            source,
            f"CREATE TABLE {schema}.t (a VARCHAR(9), b VARBINARY(9), c JSON, n INT,"
            " id INT AUTO_INCREMENT PRIMARY KEY)",
        )
        run(source, f"INSERT INTO {schema}.t (a, b) VALUES {rows}")
        table = read_table(source, TableName(schema, "t"))
        without_key = replace(table, columns=table.columns[:-1])
        bits = row_bits(without_key, is_source=True, as_number=as_number)
        found = run(source, f"SELECT COUNT(*), COUNT(DISTINCT {bits}) FROM {schema}.t").rows
    assert found == ((81, 81),)


def test_texts_of_several_character_sets_are_hashed_as_they_are_stored(
    pools: Pools, schema: str
) -> None:
    """Converted to one, values that it does not know would be equal; and not all can be."""
    with pools.begin(SOURCE) as source:
        columns = ", ".join(
            f"{name} VARCHAR(9) CHARACTER SET {name} NOT NULL"
            for name in ("latin1", "utf8mb4", "sjis", "big5")
        )
        run(source, f"CREATE TABLE {schema}.t (id INT PRIMARY KEY, {columns})")
        run(source, f"INSERT INTO {schema}.t VALUES (1, 'é', 'é', 'あ', '中')")
        bits = row_bits(read_table(source, TableName(schema, "t")), is_source=True, as_number=True)
        found = run(source, f"SELECT {bits} FROM {schema}.t").rows
    stored = b"1\t1\t2\t2\t0" + "é".encode("latin1") + "é".encode() + "あ".encode("sjis")
    hashed = sha256(stored + "中".encode("big5")).digest()
    assert found == ((int.from_bytes(hashed[:8]),),)


@pytest.mark.parametrize("kind", ["VARCHAR(9)", "BLOB", "JSON", "INT"])
def test_rows_have_the_same_bits_where_only_one_definition_allows_null(
    pools: Pools, schema: str, kind: str
) -> None:
    """An alter to NOT NULL, or back, changes no row, and would never be verified."""
    value = "'[1]'" if kind == "JSON" else "'1'"
    with pools.begin(SOURCE) as source:
        found = set()
        for name, null in (("t", "NULL"), ("u", "NOT NULL")):
            columns = f"id INT PRIMARY KEY, v {kind} {null}"
            run(source, f"CREATE TABLE {schema}.{name} ({columns})")
            run(source, f"INSERT INTO {schema}.{name} VALUES (1, {value})")
            table = read_table(source, TableName(schema, name))
            found.add(range_digest(Rows(source, table, False), EVERYTHING))
    assert len(found) == 1
