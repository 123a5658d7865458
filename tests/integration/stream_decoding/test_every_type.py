"""Every column type, compared with what the server says of the same rows."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from random import Random

import pytest

from pipeline.mysql.session_settings import LENIENT_SQL_MODE
from pipeline.mysql.table import Table, ValueKind
from pipeline.stream.events import ChangeKind
from tests.integration.stream_decoding.source import SourceServer, changes
from tests.support.lines import Row, rows_in
from tests.support.values import CASES, TypeCase

ROWS = 60


@pytest.fixture
def random() -> Random:
    seed = os.environ.get("TRANSHIP_SEED", str(Random().randrange(10**9)))
    print(f"TRANSHIP_SEED={seed}")
    return Random(int(seed))


def create(source: SourceServer, cases: tuple[TypeCase, ...]) -> Table:
    columns = ", ".join(f"`{case.name}` {case.definition} NULL" for case in cases)
    source.run(f"CREATE TABLE t (id int NOT NULL, {columns}, PRIMARY KEY (id))")
    return source.table("t")


def literals(random: Random, cases: tuple[TypeCase, ...], number: int, nulls: float) -> list[str]:
    found = []
    for case in cases:
        if number < len(case.edges):
            found.append(case.edges[number])
        else:
            found.append("NULL" if random.random() < nulls else case.random(random))
    return found


_BITS = {ValueKind.FLOAT: "<f", ValueKind.DOUBLE: "<d"}


def canonical(table: Table, rows: list[Row]) -> list[Row]:
    """Floats as their bits: the text of a float has several spellings."""
    forms = [_BITS.get(column.kind) for column in table.written]
    return [
        tuple(
            struct.pack(form, float(field)) if form is not None and field is not None else field
            for form, field in zip(forms, row, strict=True)
        )
        for row in rows
    ]


def assert_same(table: Table, found: list[Row], expected: list[Row]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(canonical(table, found), canonical(table, expected), strict=True):
        for column, got, wanted in zip(table.written, one, other, strict=True):
            assert got == wanted, f"{column.name}, row {one[0]!r}"


@pytest.fixture(params=["MINIMAL", "FULL"])
def metadata(request: pytest.FixtureRequest, source: SourceServer) -> Iterator[str]:
    """How much of the columns' names and types the log repeats in each table map."""
    before = source.run("SELECT @@global.binlog_row_metadata")[0][0]
    source.run(f"SET GLOBAL binlog_row_metadata = {request.param}")
    yield request.param
    source.run(f"SET GLOBAL binlog_row_metadata = {before}")


@pytest.mark.usefixtures("metadata")
@pytest.mark.parametrize("compressed", [False, True], ids=["plain", "compressed"])
@pytest.mark.parametrize("nulls", [0, 0.3], ids=["no nulls", "nulls"])
def test_a_value_of_no_type_is_altered_by_the_decoder(
    source: SourceServer, random: Random, compressed: bool, nulls: float
) -> None:
    table = create(source, CASES)
    before = source.executed()
    with source.session() as cursor:
        cursor.execute(f"SET binlog_transaction_compression = {int(compressed)}")
        cursor.execute(f"SET sql_mode = '{LENIENT_SQL_MODE}'")
        for number in range(ROWS):
            row = ", ".join(literals(random, CASES, number, nulls))
            cursor.execute(f"INSERT INTO t VALUES ({number}, {row})")
    inserted = source.rows(table)
    after_insert = source.executed()
    found = changes(source.events(before, table))
    assert {change.change for change in found} == {ChangeKind.INSERT}
    assert_same(table, [row for change in found for row in rows_in(change.after)], inserted)
    rotated = ", ".join(f"t.`{case.name}` = o.`{case.name}`" for case in CASES)
    source.run(
        f"SET binlog_transaction_compression = {int(compressed)}",
        f"SET sql_mode = '{LENIENT_SQL_MODE}'",
        f"UPDATE t JOIN t o ON o.id = t.id + 30 SET {rotated}, t.id = t.id + 1000",
        "DELETE FROM t WHERE id BETWEEN 40 AND 50",
    )
    found = changes(source.events(after_insert, table))
    updates = [change for change in found if change.change is ChangeKind.UPDATE]
    deletes = [change for change in found if change.change is ChangeKind.DELETE]
    keys = [row for change in updates for row in rows_in(change.before)]
    images = [row for change in updates for row in rows_in(change.after)]
    assert sorted(keys) == sorted((b"%d" % number,) for number in range(30))
    new_keys = [key for change in updates for key in rows_in(change.keys)]
    assert new_keys == [row[:1] for row in images]
    assert [int(key[0] or 0) + 1000 for key in keys] == [int(row[0] or 0) for row in images]
    assert_same(
        table,
        sorted(images, key=lambda row: int(row[0] or 0)),
        [row for row in source.rows(table) if int(row[0] or 0) >= 1000],
    )
    assert all(not change.after for change in deletes)
    gone = [row for change in deletes for row in rows_in(change.before)]
    assert gone == [(b"%d" % number,) for number in range(40, 51)]
