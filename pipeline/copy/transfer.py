"""Reads a key range from the source and writes it to the target.

Python stays out of the data path: the source's server writes each row as one escaped line
and gathers the lines of a chunk in one cell; the target's server reads them with LOAD DATA
LOCAL from a memory file. Where the target has `local_infile` off, the same lines become
INSERT statements, slower.

A document that its text does not say all of (mysql/documents.py) is made by an expression, in
an INSERT of its own.

Guarantee: all rows of the range arrive, or an error is raised. A server turns some errors
into warnings (LOCAL does; a value cut at max_allowed_packet is NULL with a warning), so
every warning but a duplicate key is an error here; of a table that may warn and still be
right (`Table.judged_by_digest`), truncations are left to the verification.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.copy.documents import read_typed_lines
from pipeline.errors import FatalError
from pipeline.mysql.codecs import (
    line_expression,
    literal,
    load_columns,
    typed_scalar_expression,
    unescape,
)
from pipeline.mysql.documents import MARK, is_typed
from pipeline.mysql.failures import DUPLICATE_KEY, TRUNCATED, code_of
from pipeline.mysql.keyrange import KeyRange
from pipeline.mysql.pools import (
    Result,
    is_harmless,
    leniency,
    run,
    shown_warnings,
    warnings,
)
from pipeline.mysql.quoting import quote, quote_list, quote_name
from pipeline.mysql.table import Table, TableName

_COMMAND_DENIED_LOCAL = {1148, 3948, 2068}
_STATEMENT_BYTES = 1 << 20
_DUPLICATE = frozenset({DUPLICATE_KEY})


class CellTooLargeError(Exception):
    """The range does not fit in one cell; read it row by row."""


@dataclass(frozen=True)
class Lines:
    """Rows as lines of text, each with its newline."""

    data: bytes
    rows: int


def read_lines(source: Connection, table: Table, name: TableName, keys: KeyRange) -> Lines:
    """Every row of the range, as the source has it now. Takes no locks.

    Raises:
        FatalError: a row that the server can't hand over (larger than max_allowed_packet).
    """
    try:
        return _read_cell(source, table, name, keys)
    except CellTooLargeError:
        return _read_rows(source, table, name, keys)


def _read_cell(source: Connection, table: Table, name: TableName, keys: KeyRange) -> Lines:
    answer = run(
        source,
        f"SELECT COUNT(*), {_typed(table)},"
        f" GROUP_CONCAT({line_expression(table.written)} SEPARATOR x'0a')"
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
    answer = run(source, f"SELECT {line_expression(table.written)} FROM {_from(table, name, keys)}")
    found = warnings(source, answer)
    if found or any(row[0] is None for row in answer.rows):
        why = f": {found[0][1]}" if found else "."
        raise FatalError(
            f"A row of {name} in {keys} is larger than the source can hand over"
            f" (max_allowed_packet){why}",
            "Raise max_allowed_packet on the source, then: tranship resume.",
        )
    return Lines(b"".join(row[0] + b"\n" for row in answer.rows), len(answer.rows))


def _typed(table: Table) -> str:
    """How many rows hold a document that would be another one as text."""
    found = [typed_scalar_expression(column) for column in table.exact_documents]
    return f"COALESCE(SUM({' OR '.join(found)}), 0)" if found else "0"


def _from(table: Table, name: TableName, keys: KeyRange) -> str:
    return (
        f"{quote_name(name)} FORCE INDEX ({quote(table.key.name)})"
        f" WHERE {keys.condition(table.key)}"
    )


def write_lines(
    target: Connection, table: Table, name: TableName, data: bytes, *, replace: bool
) -> None:
    """Write lines to table `name`: with `replace` they win, else what is there stays.

    Raises:
        FatalError: a value does not fit the target's definition.
    """
    plain, typed = _parted(table, data)
    if typed:
        with leniency(target, table):
            _insert_lines(target, table, name, typed, replace)
    if plain:
        _load_lines(target, table, name, plain, replace)


def _parted(table: Table, data: bytes) -> tuple[bytes, bytes]:
    """The lines that LOAD DATA reads, and those with a document that an expression makes."""
    if not table.exact_documents or MARK not in data:
        return data, b""
    places = [
        number for number, column in enumerate(table.written) if column in table.exact_documents
    ]
    parts: tuple[list[bytes], list[bytes]] = ([], [])
    for line in data.split(b"\n")[:-1]:
        fields = line.split(b"\t")
        parts[any(is_typed(fields[place]) for place in places)].append(line + b"\n")
    return b"".join(parts[0]), b"".join(parts[1])


def _load_lines(
    target: Connection, table: Table, name: TableName, data: bytes, replace: bool
) -> None:
    with _memory_file(data) as path, leniency(target, table):
        verb = "REPLACE" if replace else "IGNORE"
        try:
            answer = run(
                target,
                f"LOAD DATA LOCAL INFILE '{path}' {verb} INTO TABLE {quote_name(name)}"
                " CHARACTER SET binary FIELDS TERMINATED BY x'09' ESCAPED BY x'5c'"
                f" LINES TERMINATED BY x'0a' {load_columns(table)}",
            )
        except Exception as error:
            if code_of(error) not in _COMMAND_DENIED_LOCAL:
                raise
            _insert_lines(target, table, name, data, replace)
            return
        _check_warnings(target, table, name, answer)


@contextmanager
def _memory_file(data: bytes) -> Iterator[str]:
    """`data` under a path that only this process can open, never on disk."""
    descriptor = os.memfd_create("tranship-chunk")
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _check_warnings(target: Connection, table: Table, name: TableName, answer: Result) -> None:
    """The summary counts all warnings, also those past max_error_count, and skipped rows."""
    counts = dict(part.split(": ") for part in answer.message.split("  ") if ": " in part)
    total = int(counts.get("Warnings", answer.warnings))
    if total == int(counts.get("Skipped", 0)):
        return
    shown = shown_warnings(target)
    allowed = _DUPLICATE | TRUNCATED if table.judged_by_digest else _DUPLICATE
    other = [text for one, text in shown if one not in allowed and not is_harmless(one, text)]
    if not other and (table.judged_by_digest or len(shown) >= total):
        return
    text = other[0] if other else f"{answer.message} (more warnings than duplicates)"
    raise FatalError(
        f"Table {name} on the target does not take a row as it is: {text}.",
        "Make its definition match the source's, then: tranship resume.",
    )


def _insert_lines(
    target: Connection, table: Table, name: TableName, data: bytes, replace: bool
) -> None:
    verb = "REPLACE" if replace else "INSERT IGNORE"
    head = f"{verb} INTO {quote_name(name)} ({_names(table)}) VALUES ".encode()
    batch: list[bytes] = []
    size = 0
    for row in data.split(b"\n")[:-1]:
        values = _values(table, row)
        if batch and size + len(values) > _STATEMENT_BYTES:
            _insert(target, table, name, head, batch)
            batch, size = [], 0
        batch.append(values)
        size += len(values)
    _insert(target, table, name, head, batch)


def _insert(
    target: Connection, table: Table, name: TableName, head: bytes, batch: list[bytes]
) -> None:
    answer = run(target, head + b",".join(batch))
    if answer.warnings:
        message = answer.message.replace("Duplicates", "Skipped")
        _check_warnings(target, table, name, Result((), answer.affected, answer.warnings, message))


def _values(table: Table, row: bytes) -> bytes:
    fields = [unescape(field) for field in row.split(b"\t")]
    columns = table.written
    parts = (literal(column, field) for column, field in zip(columns, fields, strict=True))
    return b"(" + b",".join(parts) + b")"


def _names(table: Table) -> str:
    return quote_list([column.name for column in table.written])
