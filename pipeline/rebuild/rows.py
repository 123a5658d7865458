"""The rows of an alter: copied by one statement a range, replaced by way of a staging table.

The copy's `INSERT IGNORE … SELECT` runs at READ COMMITTED, where the SELECT takes no lock on the
original's rows. What the binary log brings is loaded as the original defines it, and goes from
there into the shadow, so the same server converts it in the same way.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from pipeline.control.records import Moved
from pipeline.copy.transfer import write_lines
from pipeline.mysql.keyrange import KeyRange
from pipeline.rebuild.conversion import into_shadow, staged_table


def copy_range(target: Connection, moved: Moved, keys: KeyRange) -> tuple[int, int]:
    """Copy a range of the original, in the open transaction; rows that are there stay.

    Returns:
        the rows of the range, and about how many bytes they have.

    Raises:
        FatalError: a row can't be converted without loss.
        RetryableError: a row meets another one in a new unique key.
    """
    original = replace(moved.table, name=moved.source)
    answer = into_shadow(target, moved, "INSERT IGNORE", original, keys.condition(moved.table.key))
    counts = dict(part.split(": ") for part in answer.message.split("  ") if ": " in part)
    rows = int(counts.get("Records", answer.affected))
    return rows, rows * moved.bytes_estimate // max(1, moved.rows_estimate)


def replace_rows(target: Connection, moved: Moved, data: bytes) -> None:
    """Write after-images, as lines of the original, in the open transaction; they win.

    Raises:
        FatalError: a row can't be converted without loss.
    """
    staged = staged_table(target, moved)
    write_lines(target, staged, staged.name, data, replace=True)
    into_shadow(target, moved, "REPLACE", staged, "TRUE")
