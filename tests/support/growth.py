"""A control schema with as many finished chunks as a table of billions of rows has."""

from __future__ import annotations

from pipeline.mysql.pools import run
from tests.support.direct import DirectMove
from tests.support.moves import TARGET


def grow(move: DirectMove, chunks: int, *, verified: bool) -> None:
    """Put so many finished chunks before the ones that the table has; keys are integers above 0."""
    of, bounds = f"table_id = {move.table.id}", f"tranship.bounds_{move.table.id}"
    numbers = (
        f"WITH RECURSIVE n AS (SELECT 0 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {chunks - 1})"
    )
    with move.pools.begin(TARGET) as control:
        run(control, f"SET SESSION cte_max_recursion_depth = {chunks}")
        for table in ("chunks", "chunk_checks"):
            statement = f"UPDATE tranship.{table} SET number = number + {chunks} WHERE {of}"
            run(control, f"{statement} ORDER BY number DESC")
        run(
            control,
            f"UPDATE {bounds} SET _tranship_chunk = _tranship_chunk + {chunks}"
            " ORDER BY _tranship_chunk DESC",
        )
        run(
            control,
            "INSERT INTO tranship.chunks (table_id, number, state, attempt, done_at, `rows`, bytes,"
            f" seconds, failures) {numbers} SELECT {move.table.id}, i, 'done', 1,"
            " UTC_TIMESTAMP(6) - INTERVAL 1 HOUR, 10, 100, 0.1, 0 FROM n",
        )
        run(
            control,
            "INSERT INTO tranship.chunk_checks (table_id, number, fully_verified, attempt, repairs,"
            f" failures) {numbers}"
            f" SELECT {move.table.id}, i, {verified:d}, {verified:d}, 0, 0 FROM n",
        )
        run(control, f"INSERT INTO {bounds} {numbers} SELECT i, i - {chunks} FROM n")
        run(
            control,
            f"UPDATE tranship.migration_tables SET rows_copied = rows_copied + 10 * {chunks},"
            f" bytes_copied = bytes_copied + 100 * {chunks},"
            f" chunks_verified = chunks_verified + {chunks * verified} WHERE id = {move.table.id}",
        )
        run(control, "ANALYZE TABLE tranship.chunks, tranship.chunk_checks")
