"""Finds JSON documents that can't be built again, in a sample, before the first write.

What a document holds beyond its text (DECIMALs, dates, times) is copied with it; binary can't
be. The copy and the stream check every document; this checks the first and the last ones, so
that the answer mostly comes before hours of copying and not after.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from pipeline.errors import RefusedError
from pipeline.mysql.codecs import BINARY_SCALARS, typed_scalar_expression
from pipeline.mysql.introspect import read_table
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote, quote_name
from pipeline.mysql.servers import table_exists
from pipeline.mysql.table import Column, Table
from pipeline.preflight.findings import CheckContext, Finding, refused

_SAMPLE = 500


def exact(context: CheckContext) -> Iterator[Finding]:
    """None of the sampled documents holds binary."""
    if context.request.json_as_text:
        return
    with context.source() as source:
        for name in dict.fromkeys(context.request.tables):
            if not table_exists(source, name):
                continue  # "tables" says so
            try:
                table = read_table(source, name)
            except RefusedError:
                continue
            for column in table.exact_documents:
                if _sampled(source, table, column):
                    yield refused(
                        f"{name}: documents in column {column.name} hold binary, which would"
                        " become a string.",
                        "If that is acceptable (a dump does the same), use `json_as_text=True`.",
                    )


def _sampled(source: Connection, table: Table, column: Column) -> bool:
    typed = typed_scalar_expression(column, BINARY_SCALARS)
    for direction in ("", " DESC"):
        order = ", ".join(quote(name) + direction for name in table.key.columns)
        rows = run(
            source,
            f"SELECT COALESCE(MAX({typed}), 0) FROM (SELECT {quote(column.name)} FROM"
            f" {quote_name(table.name)} ORDER BY {order} LIMIT {_SAMPLE}) AS sample",
        ).rows
        if rows[0][0]:
            return True
    return False
