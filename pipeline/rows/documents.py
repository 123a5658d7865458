"""Reads a chunk in which documents hold what their text does not keep.

This is the slow path of the row copy, taken only for chunks that need it: it reads each row by
itself and then, for the documents in question, the type of each scalar. Where a scalar is, is
found in the text; one query asks for all documents of the same shape. A row that changes in
between arrives once more through the stream, whatever was made of it here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.errors import FatalError, document_refused, known
from pipeline.mysql.codecs import (
    escape,
    key_literals,
    line_expression,
    typed_scalar_expression,
    unescape,
)
from pipeline.mysql.documents import (
    ROOT,
    TypedScalar,
    decimal_type,
    element,
    member,
    typed_field,
)
from pipeline.mysql.keyrange import Bound, bound_from_row, in_slices, is_one_of
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote, quote_name, text_literal
from pipeline.mysql.table import Column, Field, Table, TableName

_TEMPORAL = {"DATE": "DATE", "TIME": "TIME(6)", "DATETIME": "DATETIME(6)"}
# What a temporal or binary scalar may look like as text.
_CANDIDATE = re.compile(r"-?\d+[-:]|base64:type")
_MOST_SCALARS = 2000
_DOCUMENTS_PER_QUERY = 200  # the query asks for the type of each scalar of each document


@dataclass(frozen=True)
class _Number:
    """A number, as the document writes it."""

    text: str


@dataclass
class _Row:
    key: Bound
    fields: list[Field]


def read_typed_lines(source: Connection, table: Table, name: TableName, where: str) -> bytes:
    """Every row of `where` as a line, with the types of the scalars in its documents.

    Raises:
        FatalError: a document holds binary, or too many such scalars.
    """
    typed = " OR ".join(typed_scalar_expression(column) for column in table.exact_documents)
    found = run(
        source,
        f"SELECT {key_literals(table)}, {typed}, {line_expression(table)} FROM {where}",
    ).rows
    width = len(table.key_columns)
    lines, rows = [], []
    for row in found:
        if row[width + 1] is None:
            raise FatalError(
                f"A row of {name} is larger than the source can send (max_allowed_packet).",
                "Raise max_allowed_packet on the source, then: tranship resume.",
            )
        if row[width]:
            fields = [unescape(part) for part in row[width + 1].split(b"\t")]
            rows.append(_Row(bound_from_row(row[:width]), fields))
        else:
            lines.append(row[width + 1] + b"\n")
    for number, column in enumerate(table.written):
        if column in table.exact_documents:
            _add_types(source, table, name, column, number, rows)
    return b"".join([*lines, *(_line(row) for row in rows)])


def _line(row: _Row) -> bytes:
    return b"\t".join(b"\\N" if part is None else escape(part) for part in row.fields) + b"\n"


def _add_types(
    source: Connection, table: Table, name: TableName, column: Column, number: int, rows: list[_Row]
) -> None:
    """Add the scalars' types to the Fields of one column, documents of one shape together."""
    shapes: dict[tuple[str, ...], list[tuple[_Row, dict[str, str]]]] = {}
    for row in rows:
        field = row.fields[number]
        if field is None:
            continue
        scalars = dict(_candidates(json.loads(field, parse_float=_Number, parse_int=_Number), ROOT))
        if len(scalars) > _MOST_SCALARS:
            raise FatalError(
                f"{name}: the document in column {column.name} at key {', '.join(row.key)} holds"
                f" {len(scalars):,} scalars, some of which its text does not keep; that is too"
                " many.",
                "If it may become what its text says: tranship resume ID --json-as-text.",
            )
        shapes.setdefault(tuple(scalars), []).append((row, scalars))
    for paths, members in shapes.items():
        for some in in_slices(members, _DOCUMENTS_PER_QUERY):
            types = _types(source, table, name, column, paths, [row.key for row, _ in some])
            for row, scalars in some:
                _set_field(name, column, number, row, scalars, types.get(row.key, ()))


def _set_field(
    name: TableName, column: Column, number: int, row: _Row,
    scalars: dict[str, str], types: Sequence[object],
) -> None:  # fmt: skip
    text = known(row.fields[number], "a document with scalars")
    typed = []
    for (path, value), found in zip(scalars.items(), types, strict=False):
        kind = found.decode() if isinstance(found, bytes) else str(found)
        if kind in ("BLOB", "BIT", "OPAQUE"):
            raise document_refused(f"{name}: column {column.name} at key {', '.join(row.key)}")
        sql_type = decimal_type(value) if kind == "DECIMAL" else _TEMPORAL.get(kind)
        if sql_type is not None:
            typed.append(TypedScalar(path, sql_type, value))
    row.fields[number] = typed_field(text, typed)


def _types(
    source: Connection, table: Table, name: TableName, column: Column,
    paths: Sequence[str], keys: Sequence[Bound],
) -> dict[Bound, tuple[object, ...]]:  # fmt: skip
    asked = ", ".join(
        f"JSON_TYPE(JSON_EXTRACT({quote(column.name)}, {text_literal(path)}))" for path in paths
    )
    if not asked:
        return {}
    rows = run(
        source,
        f"SELECT {key_literals(table)}, {asked} FROM {quote_name(name)}"
        f" WHERE {is_one_of(table, keys)}",
    ).rows
    width = len(table.key_columns)
    return {bound_from_row(row[:width]): tuple(row[width:]) for row in rows}


def _candidates(value: object, path: str) -> Iterator[tuple[str, str]]:
    """The paths and texts of scalars that may have a type which the text does not keep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _candidates(inner, member(path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _candidates(inner, element(path, number))
    elif isinstance(value, _Number):
        yield path, value.text
    elif isinstance(value, str) and _CANDIDATE.match(value):
        yield path, value
