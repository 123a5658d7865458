"""Checks of settings that sessions inherit and that only a privileged one may change."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from pipeline.domain.request import MoveRequest
from pipeline.mysql.flavours import is_mariadb, variable
from pipeline.mysql.introspect import unique_keys
from pipeline.mysql.servers import table_exists
from pipeline.mysql.table import TableName
from pipeline.preflight.findings import CheckContext, Finding, refused

_WITHOUT_PRIMARY = {
    "sql_require_primary_key": "does not let it be created",
    "sql_generate_invisible_primary_key": "would add a column to it",
    "innodb_force_primary_key": "does not let it be created",  # MariaDB
}
_COLLATION = "utf8mb4_0900_ai_ci"
# In none of these is the name of a file what it is in ASCII.
_WIDE = ("ucs2", "utf16", "utf16le", "utf32")


def inherited(context: CheckContext) -> Iterator[Finding]:
    """No setting of the servers makes of a new table, or of a text, something else."""
    for server in dict.fromkeys((context.request.source, context.request.target)):
        with context.pools.begin(server) as connection:
            collation = variable(connection, "default_collation_for_utf8mb4")
        if collation not in ("", _COLLATION):
            yield refused(
                f"default_collation_for_utf8mb4 is {collation} on {server}, which is meant for"
                " replication alone.",
                f"SET GLOBAL default_collation_for_utf8mb4 = {_COLLATION};",
            )
    yield from _file_names(context)
    yield from _without_primary(context)


def _file_names(context: CheckContext) -> Iterator[Finding]:
    with context.target() as target:
        # MariaDB lets every session choose.
        charset = "" if is_mariadb(target) else variable(target, "character_set_filesystem")
    if charset in _WIDE:
        yield refused(
            f"character_set_filesystem is {charset} on {context.request.target}: LOAD DATA would"
            " ask for a file of another name.",
            "SET GLOBAL character_set_filesystem = binary;",
        )


def _without_primary(context: CheckContext) -> Iterator[Finding]:
    request = context.request
    with context.source() as source, context.target() as target:
        on = [name for name in _WITHOUT_PRIMARY if variable(target, name) == "ON"]
        for table in request.tables if on else ():
            there = request.target_name(table)
            made_by_hand = isinstance(request, MoveRequest) and table_exists(target, there)
            if not made_by_hand and not _has_primary(source, table):
                yield refused(
                    f"{table} has no PRIMARY KEY, and {on[0]} is ON on {request.target}, which"
                    f" {_WITHOUT_PRIMARY[on[0]]}.",
                    f"SET GLOBAL {on[0]} = OFF; until the new table is there.",
                )


def _has_primary(source: Connection, table: TableName) -> bool:
    return any(key.name == "PRIMARY" for key in unique_keys(source, table))
