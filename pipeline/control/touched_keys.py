"""Statements on the keys that were touched since they were last verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from pipeline.control.chunk_map import BATCH, touched_table
from pipeline.domain.migration import MigrationTable
from pipeline.mysql.codecs import key_literals
from pipeline.mysql.keyrange import Bound, KeyRange, bound_from_row, is_one_of
from pipeline.mysql.pools import run

_COUNTED = 1_000_000


@dataclass(frozen=True)
class TouchedKey:
    """A key, as literals, and the number of the batch that touched it last."""

    key: Bound
    batch: int


def touched_keys(
    connection: Connection, table: MigrationTable, keys: KeyRange, most: int, *, after: int = -1
) -> list[TouchedKey]:
    """Up to `most` of the keys in `keys` that were touched in batches later than `after`."""
    rows = run(
        connection,
        f"SELECT {BATCH}, {key_literals(table.definition)} FROM {touched_table(table)}"
        f" WHERE {keys.condition(table.definition.key)} AND {BATCH} > {after} LIMIT {most}",
    ).rows
    return [TouchedKey(bound_from_row(row[1:]), int(row[0])) for row in rows]


def forget_touched(
    connection: Connection, table: MigrationTable, verified: Sequence[TouchedKey]
) -> None:
    """Forget keys that were verified, except for those touched again since."""
    if not verified:
        return
    definition = table.definition
    as_read = [(*one.key, str(one.batch)) for one in verified]
    run(
        connection,
        # The primary key serves the first condition; the second one is what counts.
        f"DELETE FROM {touched_table(table)}"
        f" WHERE {is_one_of(definition, [one.key for one in verified])}"
        f" AND {is_one_of(definition, as_read, BATCH)}",
    )


def forget_chunk_keys(
    connection: Connection, table: MigrationTable, keys: KeyRange, up_to: int
) -> None:
    """Forget the keys in `keys` that were touched in batch `up_to` or earlier."""
    run(
        connection,
        f"DELETE FROM {touched_table(table)}"
        f" WHERE {keys.condition(table.definition.key)} AND {BATCH} <= {up_to}",
    )


def count_touched(connection: Connection, table: MigrationTable) -> int:
    """How many keys are waiting for verification; at most a million are counted."""
    statement = f"SELECT COUNT(*) FROM (SELECT 1 FROM {touched_table(table)} LIMIT {_COUNTED}) t"
    return int(run(connection, statement).rows[0][0])
