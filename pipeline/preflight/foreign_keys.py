"""Refuses tables that take part in foreign keys.

The rename of a cut-over would drag the constraint along: children would refer to the old
table, set aside, and the server's cascades never reach the binary log.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.mysql.catalogue import foreign_keys
from pipeline.preflight.findings import Answer, Inquiry, refused


def none(inquiry: Inquiry) -> Iterator[Answer]:
    """No table may have a foreign key, or be referred to by one."""
    with inquiry.source() as source:
        for table in inquiry.request.tables:
            for key in foreign_keys(source, table):
                yield refused(
                    f"{key.child} refers to {key.parent} by foreign key {key.name}; tables with"
                    " foreign keys can't be moved yet.",
                    f"Drop the constraint {key.name} for the time of the move, or leave"
                    f" {table} where it is.",
                )
