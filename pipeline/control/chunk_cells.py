"""How far each part of a table is, for a picture of it: chunks counted in cells of equal size.

It counts in indexes that hold all it asks for, and reads no row of a chunk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, func, select

from pipeline.control.schema import chunk_checks, chunks
from pipeline.domain.chunk_state import ChunkState
from pipeline.domain.migration import MigrationTable


@dataclass(frozen=True)
class Cell:
    """Adjoining chunks: how many there are, and how many of them are copied and verified."""

    chunks: int
    done: int
    verified: int


def read_cells(connection: Connection, table: MigrationTable, most: int = 240) -> list[Cell]:
    """At most so many cells, in the order of the key."""
    last = connection.execute(
        select(func.max(chunks.c.number)).where(chunks.c.table_id == table.id)
    ).scalar_one()
    known = 0 if last is None else last + 1  # they are numbered from 0
    each = max(1, math.ceil(known / most))
    is_done = (chunks.c.table_id == table.id) & (chunks.c.state == ChunkState.DONE)
    is_verified = (chunk_checks.c.table_id == table.id) & chunk_checks.c.fully_verified.is_(True)
    done = _by_cell(connection, chunks.c.number, each, is_done)
    verified = _by_cell(connection, chunk_checks.c.number, each, is_verified)
    return [
        Cell(min(each, known - first), done.get(cell, 0), verified.get(cell, 0))
        for cell, first in enumerate(range(0, known, each))
    ]


def _by_cell(
    connection: Connection, number: Column[Any], each: int, condition: Any
) -> dict[int, int]:
    cell = number.op("DIV")(each).label("cell")
    rows = connection.execute(select(cell, func.count()).where(condition).group_by("cell"))
    return {int(one): int(count) for one, count in rows}
