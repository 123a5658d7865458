"""mysql-replication's own decoder as a second witness, on the types where it is exact."""

from __future__ import annotations

import json
import logging
import re
import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from pymysql.charset import charset_by_name
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.row_event import WriteRowsEvent

from pipeline.mysql.table import Column, Field, ValueKind
from tests.integration.stream_decoding.source import SourceServer, changes
from tests.integration.stream_decoding.test_every_type import create, literals
from tests.support.lines import rows_in
from tests.support.values import CASES, TypeCase

_DATES = ("date", "datetime", "timestamp")
# The library does not know VECTOR, reads UTF-16 and UTF-32 in the wrong byte order, and finds no
# label of an ENUM that has more than 250.
_LEFT_OUT = re.compile(r"vector|.*character set utf(16|32)|enum.*'m250")
_NO_EDGES = (*_DATES, "year")


def _known(case: TypeCase) -> TypeCase:
    """The case, without values that the library breaks on or has none for."""
    if case.definition.startswith(("enum", "set")):  # labels beyond ASCII, and with a quote
        plain = case.definition.replace("é", "").replace("it''s", "its")
        return replace(case, edges=(), definition=plain)
    if case.definition.startswith(_NO_EDGES):  # impossible and zero dates, year 0
        return replace(case, edges=())
    if case.definition.startswith("time("):  # a fraction of a negative TIME it adds
        edges = tuple(one for one in case.edges if "-" not in one)
        return replace(case, edges=edges, random=lambda one: case.random(one).replace("-", ""))
    if case.definition == "json":  # a TIME of more than a day, binary
        return replace(case, edges=tuple(one for one in case.edges if "CAST(" not in one))
    return case


_COMPARED = tuple(_known(case) for case in CASES if not _LEFT_OUT.match(case.definition))


def comparable(column: Column, field: Field) -> Any:
    """Our field as the value that the library gives."""
    if field is None:
        return None
    made = _COMPARABLE.get(column.kind)
    return field.decode("latin-1") if made is None else made(column, field)


def _set(column: Column, field: bytes) -> set[str] | None:
    found = {one for bit, one in enumerate(labels(column)) if int(field) >> bit & 1}
    return found or None


_COMPARABLE: dict[ValueKind, Callable[[Column, bytes], Any]] = {
    ValueKind.DOUBLE: lambda _, field: float(field),
    ValueKind.FLOAT: lambda _, field: struct.pack("<f", float(field)),
    ValueKind.DECIMAL: lambda _, field: Decimal(field.decode()),
    **dict.fromkeys(
        (ValueKind.INTEGER, ValueKind.BIT, ValueKind.YEAR), lambda _, field: int(field)
    ),
    ValueKind.TIME: lambda _, field: _microseconds(field.decode()),
    ValueKind.TEXT: lambda column, field: field.decode(charset_by_name(column.charset).encoding),
    ValueKind.ENUM: lambda column, field: labels(column)[int(field) - 1] if int(field) else "",
    ValueKind.SET: _set,
    ValueKind.JSON: lambda _, field: json.loads(field, parse_float=Decimal),
    **dict.fromkeys((ValueKind.BINARY, ValueKind.GEOMETRY), lambda _, field: field),
}


def labels(column: Column) -> list[str]:
    """The members of an ENUM or SET."""
    found = re.findall(r"'((?:[^'\\]|''|\\.)*)'", column.column_type)
    return [one.replace("''", "'").replace("\\\\", "\\") for one in found]


def _microseconds(text: str) -> int:
    hours, minutes, seconds = text.lstrip("-").split(":")
    total = (int(hours) * 60 + int(minutes)) * 60_000_000 + round(float(seconds) * 1_000_000)
    return -total if text.startswith("-") else total


def as_theirs(column: Column, value: Any) -> Any:
    if value is None:
        return None
    match column.kind:
        case ValueKind.BIT:
            return int(value, 2)
        case ValueKind.FLOAT:
            return struct.pack("<f", value)
        case ValueKind.TIME:
            return value // timedelta(microseconds=1)
        case ValueKind.JSON:
            return _plain(value)
        case ValueKind.BINARY:
            data = value.encode() if isinstance(value, str) else value
            declared = re.fullmatch(r"binary\((\d+)\)", column.column_type)
            # The log leaves the zeros at the end out, and so does the library.
            return data.ljust(int(declared[1]), b"\0") if declared else data
    if isinstance(value, datetime):
        count = column.fraction_digits
        whole = f"{value.year:04d}{value.strftime('-%m-%d %H:%M:%S')}"
        return f"{whole}.{value.microsecond:06d}"[: 20 + count if count else 19]
    return value.isoformat() if isinstance(value, date) else value


def _plain(value: Any) -> Any:
    """A document of the library's, as json gives ours."""
    if isinstance(value, dict):
        return {_plain(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode()
    return Decimal(repr(value)) if isinstance(value, float) else value


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


def test_two_decoders_agree_on_the_same_bytes(source: SourceServer) -> None:
    seed = Random().randrange(10**6)
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
    ours = [
        row for change in changes(source.events(position, table)) for row in rows_in(change.after)
    ]
    assert len(ours) == len(others) == 50
    compared = 0
    for mine, other in zip(ours, others, strict=True):
        for column, field, value in zip(table.written, mine, other, strict=True):
            if value is None and (field is None or field.startswith(b"0000")):
                continue  # year 0 is no year to Python
            compared += 1
            assert comparable(column, field) == as_theirs(column, value), column.name
    assert compared > 50 * len(_COMPARED) // 2
