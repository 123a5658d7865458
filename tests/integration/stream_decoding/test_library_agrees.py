"""mysql-replication's own decoder as a second witness, on the types where it is exact."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.row_event import WriteRowsEvent

from pipeline.mysql.table import Column, Field, Kind
from tests.integration.stream_decoding.source import SourceServer, changes
from tests.integration.stream_decoding.test_every_type import create, literals
from tests.support.values import CASES

_DATES = ("date", "datetime", "timestamp")
_COMPARED = tuple(
    # The library breaks on an impossible date, and has no value for a zero one.
    replace(case, edges=()) if case.definition.startswith(_DATES) else case
    for case in CASES
    if case.definition.split("(")[0].split()[0]
    in (
        "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "double", "date",
        "datetime", "timestamp", "varbinary", "blob", "mediumblob", "bit",
    )
)  # fmt: skip


def comparable(column: Column, field: Field) -> Any:
    """Our field as the value that the library gives."""
    if field is None:
        return None
    text = field.decode("latin-1")
    if column.kind is Kind.DOUBLE:
        return float(text)
    if column.kind is Kind.DECIMAL:
        return Decimal(text)
    if column.kind in (Kind.INTEGER, Kind.BIT):
        return int(text)
    return text if column.kind is not Kind.BINARY else field


def as_theirs(column: Column, value: Any) -> Any:
    if column.kind is Kind.BIT and value is not None:
        return int(value, 2)
    if isinstance(value, datetime):
        count = column.fraction_digits
        whole = f"{value.year:04d}{value.strftime('-%m-%d %H:%M:%S')}"
        return f"{whole}.{value.microsecond:06d}"[: 20 + count if count else 19]
    if isinstance(value, date):
        return value.isoformat()
    return value.encode() if isinstance(value, str) and column.kind is Kind.BINARY else value


def theirs(source: SourceServer, position: str) -> list[list[Any]]:
    stream = BinLogStreamReader(
        connection_settings={
            "host": source.host, "port": source.port, "user": source.user,
            "passwd": source.password,
        },
        server_id=899_999, auto_position=position, only_events=[WriteRowsEvent],
        only_schemas=[source.schema], enable_logging=False,
    )  # fmt: skip
    logging.getLogger("pymysqlreplication").setLevel(logging.ERROR)
    found = [list(row["values"].values()) for event in stream for row in event.rows]
    stream.close()
    return found


@pytest.mark.parametrize("seed", [Random().randrange(10**6)])
def test_two_decoders_agree_on_the_same_bytes(source: SourceServer, seed: int) -> None:
    random = Random(seed)
    print(f"seed {seed}")
    table = create(source, _COMPARED)
    position = source.executed()
    metadata = source.run("SELECT @@global.binlog_row_metadata")[0][0]
    try:
        with source.session() as cursor:
            cursor.execute("SET GLOBAL binlog_row_metadata = FULL")
            for number in range(50):
                row = ", ".join(literals(random, _COMPARED, number, 0.1))
                cursor.execute(f"INSERT INTO t VALUES ({number}, {row})")
        others = theirs(source, position)  # while set: it asks for it before it reads
    finally:
        source.run(f"SET GLOBAL binlog_row_metadata = {metadata}")
    ours = [row for change in changes(source.events(position, table)) for row in change.after or ()]
    assert len(ours) == len(others) == 50
    compared = 0
    for mine, other in zip(ours, others, strict=True):
        for column, field, value in zip(table.written, mine, other, strict=True):
            if value is None and (field is None or field.startswith(b"0000")):
                continue  # year 0 is no year to Python
            compared += 1
            assert comparable(column, field) == as_theirs(column, value), column.name
    assert compared > 50 * len(_COMPARED) // 2
