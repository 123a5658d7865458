"""Checks of moves between MySQL and MariaDB: what the other can't hold or writes differently."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.errors import RefusedError
from pipeline.mysql.definition_diff import lost_between_flavours
from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.introspect import read_table
from pipeline.mysql.servers import create_statement, table_exists
from pipeline.mysql.table import Table, ValueKind
from pipeline.preflight.findings import CheckContext, Finding, refused, warning

_NOT_BOTH = {
    ValueKind.JSON: "is a document on MySQL and text on MariaDB",
    ValueKind.VECTOR: "only one of them knows",
}
_REAL = (ValueKind.FLOAT, ValueKind.DOUBLE)


def between(context: CheckContext) -> Iterator[Finding]:
    """Both flavours hold the tables' values; finds nothing if both sides are of one flavour."""
    with context.source() as source, context.target() as target:
        from_mariadb = is_mariadb(source)
        if from_mariadb == is_mariadb(target):
            return
        for name in dict.fromkeys(context.request.tables):
            if not table_exists(source, name):
                continue  # "tables" says so
            lost = lost_between_flavours(create_statement(source, name), from_mariadb=from_mariadb)
            for part in lost:
                yield refused(
                    f"{name} is defined with {part}, which the other flavour takes for a comment.",
                    f"Remove that from the source's definition, and create"
                    f" {context.request.target_name(name)} by hand as it should be, empty.",
                )
            try:
                table = read_table(source, name)
            except RefusedError:
                continue
            yield from _columns(table, from_mariadb)


def _columns(table: Table, from_mariadb: bool) -> Iterator[Finding]:
    for column in table.columns:
        if column.data_type == "geomcollection" and not from_mariadb:
            yield refused(
                f"{table.name}: column {column.name} is a geomcollection, a name that MariaDB does"
                " not know.",
                "Convert it to geometry first.",
            )
        if column.kind in _NOT_BOTH:
            yield refused(
                f"{table.name}: column {column.name} is {column.data_type}, which"
                f" {_NOT_BOTH[column.kind]}.",
                "Move between servers of one flavour, or convert the column first.",
            )
    for column in table.key_columns:
        if column.kind in _REAL:
            yield refused(
                f"{table.name} is copied by key column {column.name}, a {column.data_type}, which"
                " the two flavours write differently.",
                "Add a unique key over columns of another type.",
            )
    generated = [column.name for column in table.columns if column.generated]
    if generated:
        yield warning(
            f"{table.name}: {', '.join(generated)} will be computed by the other flavour; a row"
            " that comes out differently stops the move.",
            "Check functions that round or depend on a collation.",
        )
