"""Reads the rows of a chunk from the source, as lines of text.

Python stays out of the data path: the source's server writes each row as one escaped line and
gathers the lines of a chunk in one cell, which the target's server reads (write_lines.py).

Guarantee: all rows of the chunk arrive, or an error is raised. A server turns a value that it
cuts at max_allowed_packet into NULL with a warning, so every warning is an error here.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.errors import FatalError
from pipeline.mysql.codecs import line_expression, typed_scalar_expression
from pipeline.mysql.keyrange import KeyRange, rows_by_key
from pipeline.mysql.pools import run, warnings
from pipeline.mysql.table import Table, TableName
from pipeline.rows.documents import read_typed_lines


class CellTooLargeError(Exception):
    """The chunk does not fit in one cell; it has to be read row by row."""


@dataclass(frozen=True)
class Lines:
    """Rows as lines of text, each with its newline."""

    data: bytes
    rows: int


def read_lines(source: Connection, table: Table, name: TableName, keys: KeyRange) -> Lines:
    """Every row with a key in `keys`, as the source has it now. Takes no locks.

    Raises:
        FatalError: a row is larger than max_allowed_packet, so that the server can't send it.
    """
    try:
        return _read_cell(source, table, name, keys)
    except CellTooLargeError:
        return _read_rows(source, table, name, keys)


def _read_cell(source: Connection, table: Table, name: TableName, keys: KeyRange) -> Lines:
    answer = run(
        source,
        f"SELECT COUNT(*), {_typed(table)},"
        f" GROUP_CONCAT({line_expression(table)} SEPARATOR x'0a')"
        f" FROM {_from(table, name, keys)}",
    )
    rows, typed, cell = answer.rows[0]
    if typed:
        lines = read_typed_lines(source, table, name, _from(table, name, keys))
        return Lines(lines, lines.count(b"\n"))
    if (rows and cell is None) or warnings(source, answer):
        raise CellTooLargeError
    data: bytes = cell + b"\n" if rows else b""
    if data.count(b"\n") != rows:  # newlines in values are escaped, so this counts rows
        raise CellTooLargeError
    return Lines(data, rows)


def _read_rows(source: Connection, table: Table, name: TableName, keys: KeyRange) -> Lines:
    answer = run(source, f"SELECT {line_expression(table)} FROM {_from(table, name, keys)}")
    found = warnings(source, answer)
    if found or any(row[0] is None for row in answer.rows):
        why = f": {found[0][1]}" if found else "."
        raise FatalError(
            f"A row of {name} in {keys} is larger than the source can send"
            f" (max_allowed_packet){why}",
            "Raise max_allowed_packet on the source, then: tranship resume.",
        )
    return Lines(b"".join(row[0] + b"\n" for row in answer.rows), len(answer.rows))


def _typed(table: Table) -> str:
    """SQL for the number of rows with a document that its text does not keep."""
    found = [typed_scalar_expression(column) for column in table.exact_documents]
    return f"COALESCE(SUM({' OR '.join(found)}), 0)" if found else "0"


def _from(table: Table, name: TableName, keys: KeyRange) -> str:
    return rows_by_key(name, table.key, keys.condition(table.key))
