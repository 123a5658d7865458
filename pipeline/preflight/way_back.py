"""Checks what a way back needs beyond what a move in the other direction needs."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.control.install import is_installed
from pipeline.mysql.catalogue import foreign_keys
from pipeline.mysql.flavours import cascades_are_logged
from pipeline.preflight.findings import CheckContext, Finding, info, refused


def possible(context: CheckContext) -> Iterator[Finding]:
    """The source can hold its control rows, and the target logs what foreign keys do."""
    request = context.move
    if request.way_back_s is None:
        return
    with context.source() as source, context.target() as target:
        is_installed(source, request.source)  # refuses that of another version
        acting = {
            f"{key.child} refers to {key.parent} by foreign key {key.name}"
            for name in request.tables
            for key in foreign_keys(source, name)
            if key.acts
        }
        if acting and not cascades_are_logged(target):
            yield refused(
                f"{'; '.join(sorted(acting))} with CASCADE or SET NULL, and {request.target} does"
                " not log what that does to the child's rows: the way back would miss it.",
                "Leave `way_back_s=` out, or define the foreign keys without actions.",
            )
    if request.back is None:
        yield info(
            f"{request.target} needs room for its binary log of the time in which the way back is"
            f" open, and {request.source} for what is written in it."
        )
