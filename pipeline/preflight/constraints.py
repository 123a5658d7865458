"""Checks the names that CHECKs and foreign keys would get: each is free, and none is too long.

A target table is created with the source's names, and a rename makes up new ones. Where one is
taken, the server refuses the statement: at the start, or while writes wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection

from pipeline.domain.names import retired_name_of
from pipeline.domain.request import AlterRequest
from pipeline.mysql.constraints import (
    Constraint,
    after_rename,
    constraints_of_schema,
    constraints_of_text,
    of_one_name,
    too_long,
)
from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.servers import create_statement, table_exists
from pipeline.mysql.table import TableName
from pipeline.preflight.findings import CheckContext, Finding, refused


def free_when_retired(context: CheckContext) -> Iterator[Finding]:
    """The constraints of the old tables get names that are free, at the rename."""
    request = context.request
    with context.source() as source:
        for schema in dict.fromkeys(table.schema for table in request.tables):
            renames = {
                table.name: retired_name_of(table).name
                for table in request.tables
                if table.schema == schema
            }
            found = after_rename(constraints_of_schema(source, schema), renames)
            yield from _judged(found, renames.values(), f"on {request.source} after the rename")


def free_on_target(context: CheckContext) -> Iterator[Finding]:
    """The constraints of the tables to create have names that are free there."""
    request = context.request
    schemas: dict[str, list[Constraint]] = {}
    with context.source() as source, context.target() as target:
        for table in dict.fromkeys(request.tables):
            there = request.target_name(table)
            found = schemas.setdefault(there.schema, constraints_of_schema(target, there.schema))
            if table_exists(source, table) and not table_exists(target, there):
                text = create_statement(source, table)
                found += constraints_of_text(text, str(table), is_mariadb(target))
    for schema, found in schemas.items():
        created = [str(table) for table in request.tables]
        yield from _judged(found, created, f"in schema {schema} on {request.target}")


def free_beside(server: Connection, request: AlterRequest, scratch: TableName) -> Iterator[Finding]:
    """Alter only: those of the shadow get free names, now and at the swap; those of the table, too.

    `scratch` is a table of the new definition; once there is a shadow, the shadow.
    """
    table = request.table
    shadow, retired = request.target_name(table).name, request.retired_name.name
    there = constraints_of_schema(server, table.schema)
    created = after_rename(there, {scratch.name: shadow})
    yield from _judged(created, [shadow], "when the new table is created")
    swapped = after_rename(created, {table.name: retired, shadow: table.name})
    yield from _judged(swapped, [retired, table.name], "after the swap")


def free_at_swap(context: CheckContext) -> Iterator[Finding]:
    """The constraints of the table and of its shadow still get names that are free."""
    request = context.alter
    with context.source() as server:
        yield from free_beside(server, request, request.target_name(request.table))


def _judged(found: Iterable[Constraint], ours: Iterable[str], when: str) -> Iterator[Finding]:
    found, ours = list(found), set(ours)
    for one, other in of_one_name(found):
        if {one.table, other.table} & ours:
            yield refused(
                f"{one} and {other} would have one name {when}.",
                "Give one of the two another name: drop it, and add it again under that.",
            )
    for one in too_long(found):
        yield refused(
            f"{one} would have a name of more than 64 characters {when}.",
            "Drop it first, and add it again afterwards, under a shorter name.",
        )
