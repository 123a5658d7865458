"""Checks of the tables to move, and of the tables that they would become."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import zip_longest

from sqlalchemy import Connection

from pipeline.control.chunk_map import NUMBER
from pipeline.control.schema import SCHEMA
from pipeline.domain.names import retired_name_of
from pipeline.errors import RefusedError
from pipeline.mysql.catalogue import collations, table_facts
from pipeline.mysql.definition_diff import differences
from pipeline.mysql.flavours import is_mariadb
from pipeline.mysql.introspect import read_table
from pipeline.mysql.servers import (
    create_statement,
    definition_text,
    server_facts,
    table_exists,
    table_is_empty,
    table_option,
)
from pipeline.mysql.table import TableName, ValueKind
from pipeline.preflight.findings import CheckContext, Finding, info, refused, warning

_LARGE = 1 << 30
_SYSTEM = {"mysql", "sys", "information_schema", "performance_schema", SCHEMA}


def movable(context: CheckContext) -> Iterator[Finding]:
    """Each is an InnoDB base table with a usable key and columns of known types."""
    names = context.request.tables
    for twice in sorted({str(name) for name in names if names.count(name) > 1}):
        yield refused(f"{twice} is named twice.", "Name each table once.")
    with context.source() as source:
        for name in dict.fromkeys(names):
            try:
                yield from _movable(source, name)
            except RefusedError as error:
                yield refused(error.explanation, error.remedy)


def _movable(source: Connection, name: TableName) -> Iterator[Finding]:
    if name.schema.lower() in _SYSTEM:
        yield refused(f"{name} is in a schema that belongs to the server or to Tranship.")
        return
    facts = table_facts(source, name)
    if facts is None:
        yield refused(f"There is no table {name}.", "Check the names of schema and table.")
        return
    if facts.kind != "BASE TABLE":
        yield refused(f"{name} is a {facts.kind.lower()}, not a table.")
        return
    if facts.engine != "InnoDB":
        yield refused(
            f"{name} is stored by {facts.engine}; only InnoDB reads without locks.",
            f"First: ALTER TABLE {name} ENGINE = InnoDB;",
        )
    table = read_table(source, name)
    yield info(f"{name}: copied by key {table.key.name} ({', '.join(table.key.columns)}).")
    for column in table.columns:
        if column.name.lower() == NUMBER:
            yield refused(
                f"{name} has a column {column.name}, a name that the chunk map needs.",
                "Rename that column.",
            )
    real = [
        column.name
        for column in table.key_columns
        if column.kind in (ValueKind.FLOAT, ValueKind.DOUBLE)
    ]
    if real and "PARTITION BY" in create_statement(source, name):
        yield refused(
            f"{name} is partitioned, and its key holds {', '.join(real)}: 0 and -0 are one key to"
            " an index, but two to the partitions.",
            "Move it without partitions, or by a key of another type.",
        )
    for place in re.findall(r"(?:DATA|INDEX) DIRECTORY='[^']*'", create_statement(source, name)):
        yield refused(
            f"{name} names a directory of its own ({place}), which the target may not have.",
            "Create the table on the target by hand, empty and without it; it will be used as it"
            " is.",
        )


def retired_names_free(context: CheckContext) -> Iterator[Finding]:
    """The names that the cut-over gives to the old tables are free."""
    with context.source() as source:
        for name in context.request.tables:
            if table_exists(source, retired_name_of(name)):
                yield refused(
                    f"{retired_name_of(name)} exists on {context.request.source}; {name} would get"
                    " that name at the cut-over.",
                    "Drop or rename it; after an earlier move: tranship clean-up ID.",
                )


def old_names_free(context: CheckContext) -> Iterator[Finding]:
    """Way back only: the names are free that the old tables get again."""
    request = context.move
    if request.back is None:
        return
    with context.target() as target:
        for name in request.back.names:
            if table_exists(target, name):
                yield refused(
                    f"{name} exists on {request.target}; the old table gets that name again.",
                    "Drop or rename it.",
                )


def targets_usable(context: CheckContext) -> Iterator[Finding]:
    """Each target table is absent, or empty and defined like the source's."""
    request = context.request
    seen: set[TableName] = set()
    with context.source() as source, context.target() as target:
        for name in dict.fromkeys(request.tables):
            there = request.target_name(name)
            if there in seen or there.schema.lower() in _SYSTEM:
                yield refused(f"{there} can't be a target of {name}.", "Choose another schema.")
            elif table_facts(source, name) is None:
                continue  # "tables" says so
            elif table_exists(target, there):
                yield from _same_and_empty(context, source, target, name)
            else:
                yield from _collations_known(source, target, request.target, name)
            seen.add(there)


def targets_alike(context: CheckContext) -> Iterator[Finding]:
    """Each target table that exists is defined like the source's; deferred indexes apart."""
    request = context.move
    # A rename gives constraints other names.
    same_text = not (request.defer_secondary_indexes or request.back)
    with context.source() as source, context.target() as target:
        for name in context.request.tables:
            there = context.request.target_name(name)
            if not (table_exists(source, name) and table_exists(target, there)):
                continue
            if same_text and server_facts(source).version == server_facts(target).version:
                yield from _same(context, source, target, name)
            else:  # two versions may write one definition differently
                yield from _same_shape(source, target, name, there, context.request.target)


def _same_and_empty(
    context: CheckContext, source: Connection, target: Connection, name: TableName
) -> Iterator[Finding]:
    there, server = context.request.target_name(name), context.request.target
    if not table_is_empty(target, there):
        yield refused(
            f"{there} on {server} already exists and holds rows.",
            "Drop or empty it; Tranship never overwrites rows that it did not copy.",
        )
    yield from _same(context, source, target, name)


def _same(
    context: CheckContext, source: Connection, target: Connection, name: TableName
) -> Iterator[Finding]:
    there, server = context.request.target_name(name), context.request.target
    if is_mariadb(source) != is_mariadb(target):
        yield from _same_shape(source, target, name, there, server)
        return
    yield from _same_text(source, target, name, there, server)


def _same_text(
    source: Connection, target: Connection, name: TableName, there: TableName, server: str
) -> Iterator[Finding]:
    ours, theirs = (
        [line.strip().rstrip(",") for line in definition_text(link, table).splitlines()]
        for link, table in ((source, name), (target, there))
    )
    for wanted, found in zip_longest(ours, theirs, fillvalue="nothing"):
        if wanted != found:
            yield refused(
                f"{there} on {server} is defined differently: it has {found} where the source"
                f" has {wanted}.",
                "Drop it, and it will be created; or define it as the source does.",
            )
            return


def _same_shape(
    source: Connection, target: Connection, name: TableName, there: TableName, server: str
) -> Iterator[Finding]:
    """The two flavours write the same definition differently: compare what it means."""
    try:
        wanted, found = read_table(source, name), read_table(target, there)
    except RefusedError as error:
        yield refused(error.explanation, error.remedy)
        return
    for difference in differences(wanted, found):
        yield refused(
            f"{there} on {server} is defined differently: it has {difference}.",
            "Drop it, and it will be created; or define it as the source does.",
        )


def _collations_known(
    source: Connection, target: Connection, server: str, name: TableName
) -> Iterator[Finding]:
    try:
        columns = read_table(source, name).columns
    except RefusedError:
        return  # "tables" says so
    used = {column.collation for column in columns if column.collation}
    default = table_option(create_statement(source, name), "COLLATE")
    missing = (used | ({default} if default else set())) - collations(target)
    if missing:
        yield refused(
            f"{name} uses collations that {server} does not know: {', '.join(sorted(missing))}.",
            "Convert the columns first, or use a target that knows them.",
        )


def space(context: CheckContext) -> Iterator[Finding]:
    """Says how much will be written; a server does not tell how much room it has."""
    with context.source() as source:
        facts = [table_facts(source, name) for name in context.request.tables]
    known = [fact for fact in facts if fact is not None]
    size = sum(fact.bytes for fact in known)
    text = f"About {size / (1 << 20):,.0f} MiB of data and indexes will be written"
    if size < _LARGE:
        yield info(f"{text}.")
    else:
        yield warning(
            f"{text}, and as much to {context.request.target}'s binary log; a server does not"
            " tell how much room it has.",
            "Check its disk before you start.",
        )
