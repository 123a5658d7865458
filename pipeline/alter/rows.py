"""The rows of an alter: one statement copies a chunk, a staging table takes what is replaced.

The copy's `INSERT IGNORE … SELECT` runs at READ COMMITTED, where the SELECT takes no lock on the
original's rows. What the binary log brings is loaded as the original defines it, and goes from
there into the shadow, so that the same server converts both in the same way.

What is written may have the same value of a new unique key as another row. While rows are copied
that often passes: of two rows, one of which has given its value to the other, the shadow may hold
the one as it was and the other as it is. So the copy of a chunk is tried again, and the stream
replaces the other row, as long as the verification will find it missing if it has no event.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from pipeline.alter.carried import note_replaced
from pipeline.alter.convert_rows import into_shadow
from pipeline.alter.lossy_writes import duplicate
from pipeline.alter.temporary import plan_of, staged_table
from pipeline.control.chunk_checks import require_all_again, unverified_chunks
from pipeline.control.streams import read_stream
from pipeline.domain.alter_plan import AlterPlan
from pipeline.domain.migration import MigrationTable
from pipeline.errors import NewDuplicateError
from pipeline.mysql.keyrange import KeyRange, rows_by_key, same_key
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_name
from pipeline.mysql.table import Table
from pipeline.rows.write_lines import write_lines


def copy_range(target: Connection, table: MigrationTable, keys: KeyRange) -> tuple[int, int]:
    """Copy the original's rows in `keys`, in the open transaction; existing rows stay.

    Returns:
        how many rows there are, and about how many bytes they have.

    Raises:
        FatalError: a row can't be converted without loss.
        RetryableError: a row has the same value of a new unique key as another one.
    """
    original = replace(table.definition, name=table.source)
    condition = keys.condition(table.definition.key)
    try:
        rows = into_shadow(target, table, "INSERT IGNORE", original, condition).records
    except NewDuplicateError:
        rows = _copy_missing(target, table, original, condition)
    return rows, rows * table.bytes_estimate // max(1, table.rows_estimate)


def _copy_missing(
    target: Connection, table: MigrationTable, original: Table, condition: str
) -> int:
    """Copy the rows again that are not there: then a duplicate is of another row.

    One that the stream has brought meets itself; the server names the first key that it checks.
    """
    same = same_key(table.target_table, "shadow", quote_name(original.name), original)
    there = f"SELECT 1 FROM {quote_name(table.target)} AS shadow WHERE {same}"
    missing = f"{condition} AND NOT EXISTS ({there})"
    into_shadow(target, table, "INSERT IGNORE", original, missing)
    rows = rows_by_key(original.name, original.key, condition)
    return int(run(target, f"SELECT COUNT(*) FROM {rows}").rows[0][0])


def replace_rows(target: Connection, table: MigrationTable, data: bytes) -> None:
    """Write after-images, as lines of the original, in the open transaction; they win.

    Raises:
        FatalError: a row can't be converted without loss; or it has the same value of a new unique
            key as another one, and all rows are verified.
    """
    staged = staged_table(target, table)
    write_lines(target, staged, staged.name, data, replace=True)
    plan = plan_of(table)
    if plan.carried:
        note_replaced(target, table, staged)
    there = _already_there(target, table, staged)
    run(target, "SAVEPOINT replacing")
    written = into_shadow(target, table, "REPLACE", staged, "TRUE")
    if plan.new_unique and written.duplicates > there and not _will_be_missed(target, table):
        _refuse_victims(target, table, plan, staged)


def insert_rows(target: Connection, table: MigrationTable, data: bytes) -> None:
    """Write after-images, as lines of the original, of which none is there yet.

    Raises:
        FatalError: a row can't be converted without loss.
        RetryableError: another row has its value of a unique key.
    """
    staged = staged_table(target, table)
    write_lines(target, staged, staged.name, data, replace=True)
    into_shadow(target, table, "INSERT", staged, "TRUE")


def _already_there(target: Connection, table: MigrationTable, staged: Table) -> int:
    """How many rows a REPLACE of the staged rows removes, if it removes no others."""
    if not plan_of(table).new_unique:
        return 0
    same = same_key(table.target_table, "shadow", "staged", staged)
    names = f"{quote_name(table.target)} AS shadow JOIN {quote_name(staged.name)} AS staged"
    return int(run(target, f"SELECT COUNT(*) FROM {names} ON {same}").rows[0][0])


def _will_be_missed(target: Connection, table: MigrationTable) -> bool:
    """Whether a verification finds the rows that a REPLACE has removed, unless they come again.

    What the copy has brought is ahead of the stream, so the row may have another value by now, and
    its event is coming. It is not while a chunk is to be verified in full: a chunk that has been is
    as the stream has left it. Which chunk the row is in is not known, so that is all of them.
    """
    if table.returns_to is not None:  # nothing is copied
        return False
    stream = read_stream(target, table.migration_id, lock=True)  # no verification begins
    if not stream.logs_keys:
        return True  # none has begun
    if not unverified_chunks(target, table, 1):
        return False
    require_all_again(target, table)
    return True


def _refuse_victims(
    target: Connection, table: MigrationTable, plan: AlterPlan, staged: Table
) -> None:
    """Name a row because of which a REPLACE has removed another: that one would be lost.

    The shadow is as the stream has left it, so no event of the removed row is coming, and nobody
    would verify it again.
    """
    same = same_key(table.target_table, quote_name(table.target), "staged", staged)
    run(target, "ROLLBACK TO replacing")
    run(
        target,
        f"DELETE FROM {quote_name(table.target)} USING {quote_name(table.target)}"
        f" JOIN {quote_name(staged.name)} AS staged ON {same}",
    )
    into_shadow(target, table, "INSERT", staged, "TRUE")  # its error names value and key
    raise duplicate(table, None, ", ".join(plan.new_unique))
