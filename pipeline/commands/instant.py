"""`try_instant`: has the server itself make a change that only touches metadata.

ALGORITHM=INSTANT does so by definition. INPLACE may rebuild the table or build an index for
hours, so it is used only if the text and the definitions before and after show that it will not:
secondary indexes are dropped or renamed, VARCHARs get longer without needing another length byte.
"""

from __future__ import annotations

from sqlalchemy import Connection

from pipeline.alter.ddl import read_ddl
from pipeline.alter.plan import scratch_table
from pipeline.domain.request import AlterRequest
from pipeline.errors import RefusedError
from pipeline.mysql.definition_diff import same_values
from pipeline.mysql.failures import code_of, driver_errors
from pipeline.mysql.introspect import read_columns
from pipeline.mysql.pools import Pools, run
from pipeline.mysql.quoting import names_table, quote_name
from pipeline.mysql.table import Column, TableName
from pipeline.preflight.findings import Scope, refuse
from pipeline.preflight.registry import run_preflight

# Not supported in this way; no row versions left; the clause already names another algorithm.
_CANT = frozenset({1845, 1846, 1800, 4092, 1064, 1221, 3083, 4157})
_LONGEST_OF_ONE_BYTE = 255
_OF_INDEXES = frozenset(
    (verb, thing) for verb in ("DROP", "RENAME", "ALTER") for thing in ("INDEX", "KEY")
)


def try_instant(pools: Pools, request: AlterRequest) -> str | None:
    """Have the server change the table itself, if that only takes a moment.

    Returns:
        the algorithm that was used, or None if it can't be done; then nothing has changed.

    Raises:
        RefusedError: preflight refuses it, as it would refuse a rebuild; or a way back is wanted.
        RetryableError: somebody holds the table for longer than the limit.
    """
    if request.way_back_s is not None:
        raise RefusedError(
            "A change that the server makes at once leaves no old table to go back to.",
            "Leave `way_back_s=` out, or have the table rebuilt.",
        )
    refuse(run_preflight(pools, request, Scope.START))
    name, ddl = request.table, request.change
    promising = all(_may_be_metadata_only(head) for head in read_ddl(ddl).heads)
    limit_s = max(1, round(request.lock_timeout_s or pools.settings.cut_over.lock_wait_s))
    with pools.begin(request.source) as connection:
        metadata_only = promising and _metadata_only(connection, name, ddl)
        run(connection, f"SET SESSION lock_wait_timeout = {limit_s}")
        try:
            for algorithm in ("INSTANT", "INPLACE"):
                if algorithm == "INPLACE" and not metadata_only:
                    return None
                if _try(connection, request.source, f"{quote_name(name)} {ddl}", algorithm):
                    return f"ALGORITHM={algorithm}"
        finally:
            ours = pools.settings.timeouts.lock_wait_s
            run(connection, f"SET SESSION lock_wait_timeout = {ours}")
    return None


def _try(connection: Connection, server: str, change: str, algorithm: str) -> bool:
    lock = ", LOCK=NONE" if algorithm == "INPLACE" else ""
    try:
        # On a line of its own: a comment may end the change, and must not take in the algorithm.
        run(connection, f"ALTER TABLE {change}\n, ALGORITHM={algorithm}{lock}")
    except Exception as error:
        if code_of(error) in _CANT:
            return False
        with driver_errors(server):
            raise
    return True


def _may_be_metadata_only(head: tuple[str, ...]) -> bool:
    """Whether a clause that begins like this may touch only metadata; FORCE, say, may not."""
    return head[0] in ("MODIFY", "CHANGE") or head in _OF_INDEXES


def _metadata_only(connection: Connection, name: TableName, ddl: str) -> bool:
    with scratch_table(connection, name, ddl) as scratch:
        before, after = (_columns(connection, one) for one in (name, scratch))
        indexes, left = (_indexes(connection, one) for one in (name, scratch))
    if before.keys() != after.keys() or not left <= indexes or not _ordered(before, after):
        return False
    return all(_longer_at_most(old, after[key]) for key, old in before.items())


def _columns(connection: Connection, name: TableName) -> dict[str, Column]:
    return {column.name: column for column in read_columns(connection, name)}


def _ordered(before: dict[str, Column], after: dict[str, Column]) -> bool:
    return list(before) == list(after)


def _longer_at_most(old: Column, new: Column) -> bool:
    if old == new:
        return True
    if old.data_type != "varchar" or new.data_type != "varchar" or old.nullable != new.nullable:
        return False
    if same_values(old, new) or old.collation != new.collation:
        return False
    sizes = [_length(column) for column in (old, new)]
    one_byte = [size <= _LONGEST_OF_ONE_BYTE for size in sizes]
    return sizes[0] <= sizes[1] and one_byte[0] == one_byte[1]


def _length(column: Column) -> int:
    """The most bytes that a VARCHAR can have, at four for each character."""
    return 4 * int(column.column_type.partition("(")[2].partition(")")[0])


def _indexes(connection: Connection, name: TableName) -> set[tuple[str, ...]]:
    """Every index by what it covers, without its name."""
    rows = run(
        connection,
        "SELECT GROUP_CONCAT(CONCAT_WS('|', column_name, sub_part, expression, collation)"
        " ORDER BY seq_in_index), MAX(non_unique), MAX(index_type), MAX(index_name = 'PRIMARY')"
        " FROM information_schema.statistics"
        f" WHERE {names_table(name)} GROUP BY index_name",
    ).rows
    return {tuple(str(value) for value in row) for row in rows}
