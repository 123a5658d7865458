"""Checks foreign keys: each is between two of the moved tables, or the move is refused.

The tables are created with their constraints and written without checks, since chunks arrive
in any order; rows that are equal to the source's satisfy the constraints as those do. The
cut-over's RENAME takes parent and child along in one statement.

A foreign key to a table that stays can't follow: that side would refer to the retired table. And
a cascade that the source does not log would leave rows on the target that nobody changes.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from pipeline.domain.request import MoveRequest
from pipeline.mysql.catalogue import ForeignKey, foreign_keys
from pipeline.mysql.flavours import cascades_are_logged
from pipeline.preflight.findings import CheckContext, Finding, info, refused


def inside(context: CheckContext) -> Iterator[Finding]:
    """Every foreign key of a moved table is between moved tables, and its actions are logged."""
    request = context.move
    with context.source() as source:
        logged = cascades_are_logged(source)
        for key in _keys(source, request):
            yield from _judged(key, request, logged)


def _keys(source: Connection, request: MoveRequest) -> list[ForeignKey]:
    found = (key for table in request.tables for key in foreign_keys(source, table))
    return list(dict.fromkeys(found))


def _judged(key: ForeignKey, request: MoveRequest, logged: bool) -> Iterator[Finding]:
    moved = {str(table) for table in request.tables}
    what = f"{key.child} refers to {key.parent} by foreign key {key.name}"
    outside = [table for table in (key.child, key.parent) if table not in moved]
    if outside:
        yield refused(
            f"{what}, and {outside[0]} is not moved with it.",
            f"Move {outside[0]} too, or drop the constraint {key.name} until the move is done.",
        )
    elif key.acts and not logged:
        yield refused(
            f"{what} with CASCADE or SET NULL, and {request.source} does not log what that does"
            " to the child's rows: those changes would be missed.",
            f"Define {key.name} without actions until the move is done (MySQL logs them from"
            " 9.6 on, with innodb_native_foreign_keys = OFF).",
        )
    elif request.target_schema is not None and _schema(key.child) != _schema(key.parent):
        yield refused(
            f"{what} in another schema, and after a move to schema {request.target_schema} it"
            " would still refer to that one.",
            "Move without `target_schema=`.",
        )
    else:
        yield info(f"{what}; both are moved, and the constraint with them.")


def _schema(table: str) -> str:
    return table.partition(".")[0]
