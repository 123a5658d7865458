"""Writes lines of text to the target.

The target's server reads them with LOAD DATA LOCAL from a memory file. If the target has
`local_infile` off, the same lines become INSERT statements, which are slower. A document whose
text does not say everything (mysql/documents.py) is built by an expression, in an INSERT of its
own.

Guarantee: all rows arrive, or an error is raised. LOCAL turns errors into warnings, so every
warning except for a duplicate key is an error here. For a table that may warn and still be right
(`Table.may_warn_on_write`), truncations are left to the verification.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from pipeline.errors import FatalError
from pipeline.mysql.codecs import fields_of, literal, load_columns
from pipeline.mysql.documents import MARK, is_typed
from pipeline.mysql.failures import DUPLICATE_KEY, TRUNCATED, code_of
from pipeline.mysql.pools import (
    Result,
    is_harmless,
    lenient_sql_mode,
    run,
    shown_warnings,
)
from pipeline.mysql.quoting import quote_list, quote_name
from pipeline.mysql.table import Table, TableName

_COMMAND_DENIED_LOCAL = {1148, 3948, 2068}
_STATEMENT_BYTES = 1 << 20
_DUPLICATE = frozenset({DUPLICATE_KEY})


def write_lines(
    target: Connection, table: Table, name: TableName, data: bytes, *, replace: bool
) -> None:
    """Write lines to table `name`. With `replace` they win, otherwise existing rows stay.

    Raises:
        FatalError: a value does not fit the target's definition.
    """
    plain, typed = _parted(table, data)
    if typed:
        with lenient_sql_mode(target, table):
            _insert_lines(target, table, name, typed, replace)
    if plain:
        _load_lines(target, table, name, plain, replace)


def _parted(table: Table, data: bytes) -> tuple[bytes, bytes]:
    """The lines that LOAD DATA reads, and those with a document that an expression builds."""
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
    with _memory_file(data) as path, lenient_sql_mode(target, table):
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
        _check_warnings(target, table, name, answer, skipped=answer.summary.skipped)


@contextmanager
def _memory_file(data: bytes) -> Iterator[str]:
    """A path to `data` that only this process can open; it is never on disk."""
    descriptor = os.memfd_create("tranship-chunk")
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _check_warnings(
    target: Connection, table: Table, name: TableName, answer: Result, skipped: int
) -> None:
    """Raise what the warnings say; each `skipped` row, which existed already, is one of them."""
    if answer.warnings == skipped:
        return
    shown = shown_warnings(target)
    allowed = _DUPLICATE | TRUNCATED if table.may_warn_on_write else _DUPLICATE
    other = [text for one, text in shown if one not in allowed and not is_harmless(one, text)]
    if not other and (table.may_warn_on_write or len(shown) >= answer.warnings):
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
            _insert(target, table, name, head, batch, replace)
            batch, size = [], 0
        batch.append(values)
        size += len(values)
    _insert(target, table, name, head, batch, replace)


def _insert(
    target: Connection, table: Table, name: TableName,
    head: bytes, batch: list[bytes], replace: bool,
) -> None:  # fmt: skip
    answer = run(target, head + b",".join(batch))
    # Of one row the server has no summary. A REPLACE removes what is in its way without a warning.
    skipped = 0 if replace else len(batch) - answer.affected
    _check_warnings(target, table, name, answer, skipped)


def _values(table: Table, row: bytes) -> bytes:
    pairs = zip(table.written, fields_of(row), strict=True)
    parts = (literal(column, field) for column, field in pairs)
    return b"(" + b",".join(parts) + b")"


def _names(table: Table) -> str:
    return quote_list([column.name for column in table.written])
