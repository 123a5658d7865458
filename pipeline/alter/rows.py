"""The rows of an alter: one statement copies a chunk, a staging table takes what is replaced.

The copy's `INSERT IGNORE … SELECT` runs at READ COMMITTED, where the SELECT takes no lock on the
original's rows. What the binary log brings is loaded as the original defines it, and goes from
there into the shadow, so that the same server converts both in the same way.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from pipeline.alter.carried import note_replaced
from pipeline.alter.convert_rows import into_shadow
from pipeline.alter.lossy_writes import duplicate
from pipeline.alter.temporary import plan_of, staged_table
from pipeline.domain.alter_plan import AlterPlan
from pipeline.domain.migration import MigrationTable
from pipeline.mysql.keyrange import KeyRange, same_key
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
    rows = into_shadow(
        target, table, "INSERT IGNORE", original, keys.condition(table.definition.key)
    ).records
    return rows, rows * table.bytes_estimate // max(1, table.rows_estimate)


def replace_rows(target: Connection, table: MigrationTable, data: bytes) -> None:
    """Write after-images, as lines of the original, in the open transaction; they win.

    Raises:
        FatalError: a row can't be converted without loss.
    """
    staged = staged_table(target, table)
    write_lines(target, staged, staged.name, data, replace=True)
    plan = plan_of(table)
    if plan.carried:
        note_replaced(target, table, staged)
    there = _already_there(target, table, staged)
    run(target, "SAVEPOINT replacing")
    written = into_shadow(target, table, "REPLACE", staged, "TRUE")
    if plan.new_unique:
        _refuse_victims(target, table, plan, staged, written.duplicates - there)


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


def _refuse_victims(
    target: Connection, table: MigrationTable, plan: AlterPlan, staged: Table, victims: int
) -> None:
    """Refuse rows that a REPLACE has removed because of a new unique key.

    A unique key that the original has, too, removes a row only if that row's own event is coming.
    For a new key nothing is coming: the row would be lost, and nobody would check it again.
    """
    if victims <= 0:
        return
    same = same_key(table.target_table, quote_name(table.target), "staged", staged)
    run(target, "ROLLBACK TO replacing")
    run(
        target,
        f"DELETE FROM {quote_name(table.target)} USING {quote_name(table.target)}"
        f" JOIN {quote_name(staged.name)} AS staged ON {same}",
    )
    into_shadow(target, table, "INSERT", staged, "TRUE")  # its error names value and key
    raise duplicate(table, None, ", ".join(plan.new_unique))
