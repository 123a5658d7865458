"""Checks of the indexes that a move adds after the rows."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.mysql.catalogue import table_facts
from pipeline.mysql.indexes import add_indexes_statement, deferrable_indexes, index_names
from pipeline.mysql.servers import create_statement, table_exists
from pipeline.preflight.findings import CheckContext, Finding, info, refused


def deferred(context: CheckContext) -> Iterator[Finding]:
    """Says which indexes wait for the rows; only a table of our own can do without them."""
    request = context.move
    if not request.defer_secondary_indexes:
        return
    with context.source() as source, context.target() as target:
        for name in dict.fromkeys(request.tables):
            there = request.target_name(name)
            if table_exists(target, there):
                yield refused(
                    f"`defer_secondary_indexes=True`: {there} on {request.target} exists already,"
                    " and its indexes are not ours to leave out.",
                    "Drop the table, and it will be created without them; or leave the option out.",
                )
            elif table_facts(source, name) is not None:  # otherwise "tables" says so
                found = deferrable_indexes(source, name, create_statement(source, name))
                names = ", ".join(index.name for index in found) or "none can wait"
                yield info(f"{name}: indexes that are added after the rows: {names}.")


def complete(context: CheckContext) -> Iterator[Finding]:
    """Each target has every index of its source: those that were deferred are there."""
    request = context.move
    if not request.defer_secondary_indexes:
        return
    with context.source() as source, context.target() as target:
        for name in request.tables:
            there = request.target_name(name)
            missing = index_names(source, name) - index_names(target, there)
            lines = deferrable_indexes(source, name, create_statement(source, name))
            by_hand = [line for line in lines if line.name in missing]
            if missing:
                yield refused(
                    f"{there} on {request.target} lacks indexes of {name}:"
                    f" {', '.join(sorted(missing))}.",
                    f"Add them, as in: {add_indexes_statement(there, by_hand, online=False)};"
                    " then: tranship resume ID."
                    if by_hand
                    else "Add them, then: tranship resume ID.",
                )
