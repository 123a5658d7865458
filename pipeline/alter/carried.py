"""Way back of an alter: keeps what the filled table's rows hold beyond the source's columns.

A row is replaced, not updated (stream/batch.py), so what it holds in columns that the source does
not have would be gone. It is noted first, by key, in a temporary table of the connection, and
written again with the rest. A row of which nothing is noted is new, and gets the defaults.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from pipeline.alter.columns import values
from pipeline.alter.temporary import emptied, plan_of, temporary, temporary_name
from pipeline.domain.migration import MigrationTable
from pipeline.mysql.keyrange import Bound, Moved, in_slices, is_one_of, same_key
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote, quote_name
from pipeline.mysql.table import Table

CARRIED = "carried"
_MOVED_AT_ONCE = 100  # a SELECT for each


def note_kept(
    connection: Connection, table: MigrationTable, condition: str, moved: Sequence[Moved]
) -> None:
    """Note what the target's rows hold, those under `condition` and those moved; nothing else.

    Of a row that gets another key it is noted by that one. On the target it must have the old one.
    """
    emptied(connection, table, CARRIED)
    for some in in_slices(moved, _MOVED_AT_ONCE):
        _note(connection, table, " UNION ALL ".join(_row_as(table, *one) for one in some))
    rows = f"{quote_name(table.target)} AS there WHERE {condition}"
    _note(connection, table, f"SELECT {_key(table)}, {_carried(table)} FROM {rows}")


def _row_as(table: MigrationTable, old: Bound, new: Bound) -> str:
    row = f"{quote_name(table.target)} AS there WHERE {is_one_of(table.target_table, [old])}"
    return f"SELECT {', '.join(new)}, {_carried(table)} FROM {row}"


def note_replaced(connection: Connection, table: MigrationTable, staged: Table) -> None:
    """Note what the rows hold that have a key of `staged`, unless it is noted for that key."""
    same = same_key(table.target_table, "there", "staged", staged)
    rows = (
        f"{quote_name(staged.name)} AS staged STRAIGHT_JOIN {quote_name(table.target)} AS there"
        f" FORCE INDEX ({quote(table.target_table.key.name)}) ON {same}"
    )
    _note(connection, table, f"SELECT {_key(table)}, {_carried(table)} FROM {rows}")


def _key(table: MigrationTable) -> str:
    columns = table.target_table.key_columns
    return values(columns, columns, "there")


def _carried(table: MigrationTable) -> str:
    columns = plan_of(table).carried
    return values(columns, columns, "there")


def _note(connection: Connection, table: MigrationTable, select: str) -> None:
    """A key that is noted stays as it is: that note came from the very row."""
    name = temporary(connection, table, CARRIED)
    run(connection, f"INSERT IGNORE INTO {quote_name(name)} {select}")


def is_noted(table: MigrationTable, rows: Table) -> str:
    """The condition that something is noted of a row of `rows`."""
    return f"EXISTS (SELECT 1 FROM {_noted(table)} WHERE {_same(table, rows)})"


def joined(table: MigrationTable, rows: Table) -> str:
    """What follows FROM: the rows of which something is noted, in their order, beside `noted`."""
    name = quote_name(rows.name)
    in_order = ", ".join(f"{name}.{quote(column)}" for column in rows.key.columns)
    return (
        f"{_noted(table)} STRAIGHT_JOIN {name} FORCE INDEX ({quote(rows.key.name)})"
        f" ON {_same(table, rows)} ORDER BY {in_order}"
    )


def _noted(table: MigrationTable) -> str:
    return f"{quote_name(temporary_name(table, CARRIED))} AS noted"


def _same(table: MigrationTable, rows: Table) -> str:
    return same_key(table.target_table, "noted", quote_name(rows.name), rows)
