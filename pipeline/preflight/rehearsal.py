"""Rehearses a move's CREATE TABLE on the target: what it rejects is known before the start.

It writes, if only to the control schema, so it is no check like the others: a start does it, and
`--dry-run` once there is a control schema, which it does not create. There it costs nothing: our
user may create and drop tables, and nobody looks for one. Foreign keys are left out, since their
parents are not there; their names and privileges have checks of their own.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

from sqlalchemy import Connection

from pipeline.control.install import is_installed
from pipeline.control.schema import SCHEMA
from pipeline.errors import FatalError, RefusedError
from pipeline.mysql.catalogue import table_facts
from pipeline.mysql.definition_diff import differences
from pipeline.mysql.failures import driver_errors, without_server
from pipeline.mysql.introspect import read_table, read_table_to_move
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.servers import create_statement, table_exists
from pipeline.mysql.table import TableName
from pipeline.preflight.findings import CheckContext, Finding, info, refused
from pipeline.strategy.move import under_name

_FOREIGN_KEY = re.compile(r",\n  CONSTRAINT `(?:[^`]|``)*` FOREIGN KEY [^\n]*?(?=,?\n)")
_BY_HAND = "Create the table there by hand, empty, as the source defines it; or change it first."


def created(context: CheckContext) -> Iterator[Finding]:
    """The target's server takes each table's definition as it is."""
    server = context.request.target
    with context.source() as source, context.target() as target:
        for name in dict.fromkeys(context.request.tables):
            absent = not table_exists(target, context.request.target_name(name))
            if absent and table_facts(source, name) is not None:
                yield from _rehearsed(source, target, server, name)


def created_if_installed(context: CheckContext) -> Iterator[Finding]:
    """Like `created`; without a control schema, that the start will do it."""
    server = context.request.target
    with context.target() as target:
        installed = is_installed(target, server)
    if installed:
        yield from created(context)
    else:
        yield info(
            f"there is no control schema on {server} yet. The start creates it, and tries in it"
            " whether the server takes the tables' definitions, before it records anything."
        )


def _rehearsed(
    source: Connection, target: Connection, server: str, name: TableName
) -> Iterator[Finding]:
    scratch = TableName(SCHEMA, f"rehearsed_{secrets.token_hex(4)}")
    statement = _FOREIGN_KEY.sub("", create_statement(source, name))
    try:
        wanted = read_table_to_move(source, target, name)
    except RefusedError:
        return  # "tables" says so
    try:
        with driver_errors(server):
            run(target, under_name(statement, name, scratch))
            for difference in differences(wanted, read_table(target, scratch)):
                yield refused(f"{name} would be created on {server} with {difference}.", _BY_HAND)
    except FatalError as error:
        said = without_server(error)
        yield refused(f"{name} can't be created on {server}: {said}", _BY_HAND)
    finally:
        run(target, f"DROP TABLE IF EXISTS {quote_name(scratch)}")
