"""Writes converted rows, and says which row has lost something.

A strict session raises an error; `INSERT IGNORE`, or a session that has to be lenient, warns, so a
warning is as good as an error here. Most messages number the row. For those that do not, the row
is searched for: it is the first that makes a prefix of the rows fail.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import Connection

from pipeline.alter.conversions import goes_by_number
from pipeline.domain.alter_plan import AlterPlan
from pipeline.domain.migration import MigrationTable
from pipeline.errors import (
    DoesNotFitError,
    FatalError,
    NewDuplicateError,
    RetryableError,
    StartOverError,
)
from pipeline.mysql.codecs import key_literals
from pipeline.mysql.definition_diff import same_values
from pipeline.mysql.failures import (
    DUPLICATE_KEY,
    TRUNCATED,
    code_of,
    is_about_values,
    translate,
)
from pipeline.mysql.keyrange import bound_from_row, order, rows_by_key
from pipeline.mysql.pools import Result, is_harmless, run, shown_warnings
from pipeline.mysql.table import Table

_ROW = re.compile(r"at row (\d+)")
_COLUMN = re.compile(r"for column '(.*)' at row", re.S)
_LONGEST_SEARCH = 1 << 20
Warnings = Sequence[tuple[int, str]]


def write(
    connection: Connection,
    table: MigrationTable,
    plan: AlterPlan,
    rows: Table,
    condition: str,
    statement: str,
    *,
    converts: bool = True,
) -> Result:
    """Run `statement`, which writes `rows` under `condition` in the order of their key.

    `converts`: a value may become another; else only generated columns can warn.

    Raises:
        FatalError: a row can't be converted without loss; names its key. Or it has the same value
            of a unique key as another one, and that does not pass.
        NewDuplicateError: an INSERT IGNORE has left a row out because of a new unique key.
        what the driver raises, if that is about no row.
    """
    try:
        answer = run(connection, statement)
    except Exception as error:
        text = str(error.args[-1]) if error.args else str(error)
        is_duplicate = code_of(error) == DUPLICATE_KEY
        if not (is_duplicate or is_about_values(error)):
            raise
        key = _key_of(connection, rows, condition, statement, text)
        raise (duplicate if is_duplicate else lossy)(table, key, text) from error
    if answer.warnings:
        shown = shown_warnings(connection)
        found = _loss(table, plan, answer, shown, statement, converts and plan.retyped)
        if found is not None:
            key = _key_of(connection, rows, condition, statement, found)
            raise lossy(table, key, found)
        # Last: whoever goes on after this error keeps the rows that were written.
        _refuse_new_duplicate(table, plan, shown)
    return answer


def _loss(
    table: MigrationTable,
    plan: AlterPlan,
    answer: Result,
    shown: Warnings,
    statement: str,
    converts: bool,
) -> str | None:
    """What was lost, if anything. A row that exists already is no loss."""
    lenient = table.may_warn_on_write
    others = 0
    for code, text in shown:
        if code == DUPLICATE_KEY:
            continue
        others += 1
        kept = lenient and code in TRUNCATED and not (converts and _is_of_converted(plan, text))
        if not (is_harmless(code, text) or kept):
            return text
    # The server shows the first max_error_count warnings, and counts all. The duplicates that a
    # REPLACE counts are rows that it has removed, without a warning.
    ignored = 0 if statement.startswith("REPLACE") else answer.summary.duplicates
    if answer.warnings - ignored > others and (converts or not lenient):
        return "the server has more warnings than it shows (max_error_count)"
    return None


def _is_of_converted(plan: AlterPlan, text: str) -> bool:
    """Whether a warning may be about a column whose values are converted.

    The others hold what they held: only the verification can tell whether a warning about one of
    them is right, and it does.
    """
    named = _COLUMN.search(text)
    return named is None or named[1] in _converted(plan)


def _converted(plan: AlterPlan) -> set[str]:
    pairs = zip(plan.kept.columns, plan.shadow.columns, strict=True)
    return {
        new.name for old, new in pairs if not (same_values(old, new) or goes_by_number(old, new))
    }


def _refuse_new_duplicate(table: MigrationTable, plan: AlterPlan, shown: Warnings) -> None:
    """Refuse rows with the same value of a new unique key; it passes if the value has moved."""
    ends = tuple(f"{before}{key}" for key in plan.new_unique for before in (".", "'"))
    for code, text in shown:
        if code == DUPLICATE_KEY and text.rstrip("'").endswith(ends):
            raise NewDuplicateError(
                f"{table.source}: two rows have the same value of {_unique_key(table)}: {text}."
            )


def duplicate(table: MigrationTable, key: str | None, text: str) -> FatalError:
    """The error for a row with the same value of a unique key as another one."""
    where = f" of the row with key {key}" if key is not None else ""
    what = f"{table.source}: a change{where} gives two rows the same value of"
    if table.returns_to is None:
        return StartOverError(
            f"{what} {_unique_key(table)}: {text}.", f"{untouched(table)} Make the values differ."
        )
    return DoesNotFitError(
        f"{what} {_unique_key(table)}: {text}.",
        f"{untouched(table)} Make the values differ and resume, or abort.",
    )


def _unique_key(table: MigrationTable) -> str:
    if table.returns_to is None:
        return "a new unique key"
    return f"a unique key that only {table.target} has"


def untouched(table: MigrationTable) -> str:
    """What holds for the table, whatever can't be written to the other one."""
    if table.returns_to is None:
        return "The table is as it was."
    return f"{table.source} stays in use; only {table.target} does not follow it any more."


def _key_of(
    connection: Connection, rows: Table, condition: str, statement: str, text: str
) -> str | None:
    """The key of the row that a message is about, unless the row has gone meanwhile."""
    number = _ROW.search(text)
    place = int(number[1]) if number is not None else _search(connection, statement)
    found = run(
        connection,
        f"SELECT {key_literals(rows)} FROM {rows_from(rows, condition)} LIMIT 1 OFFSET {place - 1}",
    ).rows
    return ", ".join(bound_from_row(found[0])) if found else None


def _search(connection: Connection, statement: str) -> int:
    """The number of the first row that `statement` can't write; every longer prefix fails."""
    good, bad = 0, 1
    while _is_written(connection, statement, bad) and bad < _LONGEST_SEARCH:
        good, bad = bad, 2 * bad
    while bad - good > 1:
        middle = (good + bad) // 2
        if _is_written(connection, statement, middle):
            good = middle
        else:
            bad = middle
    return bad


def _is_written(connection: Connection, statement: str, rows: int) -> bool:
    """Whether the first `rows` rows are written without a complaint. Nothing of it stays."""
    run(connection, "SAVEPOINT search")
    try:
        answer = run(connection, f"{statement} LIMIT {rows}")
        codes = {code for code, _ in shown_warnings(connection)} if answer.warnings else set()
        return codes <= {DUPLICATE_KEY}
    except Exception as error:
        if isinstance(translate(error, ""), RetryableError):
            raise
        return False
    finally:
        run(connection, "ROLLBACK TO search")


def lossy(table: MigrationTable, key: str | None, text: str) -> DoesNotFitError:
    """The error for the row with `key`."""
    where = f" with key {key}" if key is not None else ""
    return DoesNotFitError(
        f"A row of {table.source}{where} can't be converted without loss: {text.rstrip('.')}.",
        f"{untouched(table)} Correct that row and resume, or abort{_other_definition(table)}.",
    )


def _other_definition(table: MigrationTable) -> str:
    if table.returns_to is not None:
        return ""
    return (
        " and choose another definition (`accepted=['COLUMN']` takes what the server makes of a"
        " column's values)"
    )


def rows_from(rows: Table, condition: str) -> str:
    """The rows under `condition`, in the order of their key."""
    return f"{rows_by_key(rows.name, rows.key, condition)} ORDER BY {order(rows.key)}"
