"""Has the server convert rows to the new definition, and says which row it can't convert.

For this a connection has temporary tables (temporary.py).

Guarantee: a row arrives with every kept value, or an error names its key. Most conversions
that lose something report it (an error in a strict session, a warning in others; both stop here).
Where they would not (`AlterPlan.checked`: a rounded DOUBLE, a fraction of a second) the values
are converted there and back, and have to come out as they were.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from pipeline.alter.carried import is_noted, joined
from pipeline.alter.columns import column_names, values
from pipeline.alter.lossy_writes import lossy, rows_from, write
from pipeline.alter.temporary import PRIMARY, emptied, plan_of, staged_table, temporary_name
from pipeline.control.schema import SCHEMA
from pipeline.domain.alter_plan import AlterPlan
from pipeline.domain.migration import MigrationTable
from pipeline.mysql.codecs import key_literals
from pipeline.mysql.keyrange import bound_from_row, order, same_key
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote, quote_name
from pipeline.mysql.summary import StatementSummary
from pipeline.mysql.table import Column, Key, Table, ValueKind

_AS_BYTES = frozenset({ValueKind.TEXT, ValueKind.BINARY, ValueKind.GEOMETRY, ValueKind.VECTOR})
_AS_NUMBER = frozenset({ValueKind.ENUM, ValueKind.SET, ValueKind.BIT})


def converted_rows(connection: Connection, table: MigrationTable, condition: str) -> Table:
    """A copy of the original's rows under `condition`, as the shadow would hold them.

    Raises:
        FatalError: one can't be converted; names its key.
    """
    plan = plan_of(table)
    return _convert(
        connection, table, plan, replace(table.definition, name=table.source), condition
    )


def into_shadow(
    connection: Connection, table: MigrationTable, verb: str, rows: Table, condition: str
) -> StatementSummary:
    """`INSERT IGNORE` or `REPLACE` rows of the original, held by `rows`, into the shadow.

    Raises:
        FatalError: one can't be converted without loss; names its key.
        NewDuplicateError: one has the same value of a new unique key as one that is there.
    """
    plan = plan_of(table)
    if not _converts_in_steps(table, plan):
        given = _Given(rows, plan.kept.columns, converts=True)
        return _fill(connection, table, verb, given, condition)
    frozen = _staged(connection, table, rows, condition)
    converted = _convert(connection, table, plan, frozen, "TRUE")
    _check_reverted(connection, table, plan, frozen)
    given = _Given(converted, plan.shadow.columns, converts=False)
    return _fill(connection, table, verb, given, "TRUE")


@dataclass(frozen=True)
class _Given:
    """Rows to be written to the shadow, and the columns of theirs that become its columns."""

    rows: Table
    columns: tuple[Column, ...]
    converts: bool  # as they are written


def _fill(
    connection: Connection, table: MigrationTable, verb: str, given: _Given, condition: str
) -> StatementSummary:
    if not plan_of(table).carried:
        return _fill_new(connection, table, verb, given, condition)
    noted = is_noted(table, given.rows)
    return _fill_noted(connection, table, verb, given, noted) + _fill_new(
        connection, table, verb, given, f"{condition} AND NOT {noted}"
    )


def _fill_new(
    connection: Connection, table: MigrationTable, verb: str, given: _Given, condition: str
) -> StatementSummary:
    """Write the rows of which nothing is noted: added columns get what ALTER TABLE gives them."""
    plan = plan_of(table)
    added = [quote(fill.column) for fill in plan.fills]
    names = ", ".join([column_names(plan.shadow.columns), *added])
    fills = [fill.literal for fill in plan.fills]
    taken = ", ".join([values(given.columns, plan.shadow.columns), *fills])
    statement = (
        f"{verb} INTO {quote_name(table.target)} ({names})"
        f" SELECT {taken} FROM {rows_from(given.rows, condition)}"
    )
    return _written(connection, table, given, condition, statement)


def _fill_noted(
    connection: Connection, table: MigrationTable, verb: str, given: _Given, noted: str
) -> StatementSummary:
    """Write the others, with what is noted of them."""
    plan = plan_of(table)
    names = f"{column_names(plan.shadow.columns)}, {column_names(plan.carried)}"
    taken = values(given.columns, plan.shadow.columns, quote_name(given.rows.name))
    kept = values(plan.carried, plan.carried, "noted")
    statement = (
        f"{verb} INTO {quote_name(table.target)} ({names})"
        f" SELECT {taken}, {kept} FROM {joined(table, given.rows)}"
    )
    return _written(connection, table, given, noted, statement)


def _written(
    connection: Connection, table: MigrationTable, given: _Given, condition: str, statement: str
) -> StatementSummary:
    answer = write(
        connection, table, plan_of(table), given.rows, condition, statement,
        converts=given.converts,
    )  # fmt: skip
    return answer.summary


def _converts_in_steps(table: MigrationTable, plan: AlterPlan) -> bool:
    """Whether values are converted before they are written to the shadow.

    They are if they have to be looked at. And a warning about a generated column does not always
    name it: written to a table that has none, a value warns of its conversion alone.
    """
    generated = plan.computes or any(column.generated for column in table.definition.columns)
    return bool(plan.checked) or (plan.retyped and generated)


def _staged(connection: Connection, table: MigrationTable, rows: Table, condition: str) -> Table:
    """`rows` in a place where a second statement finds the same as the first."""
    if rows.name.schema == SCHEMA:
        return rows
    staged = staged_table(connection, table)
    written = table.definition.written
    run(
        connection,
        f"INSERT INTO {quote_name(staged.name)} ({column_names(written)})"
        f" SELECT {values(written, written)} FROM {rows_from(rows, condition)}",
    )
    return staged


def _convert(
    connection: Connection, table: MigrationTable, plan: AlterPlan, rows: Table, condition: str
) -> Table:
    name = emptied(connection, table, "converted")
    write(
        connection, table, plan, rows, condition,
        f"INSERT INTO {quote_name(name)} ({column_names(plan.shadow.columns)})"
        f" SELECT {values(plan.kept.columns, plan.shadow.columns)}"
        f" FROM {rows_from(rows, condition)}",
    )  # fmt: skip
    return replace(plan.shadow, name=name, key=Key(PRIMARY, plan.shadow.key.columns))


def _check_reverted(
    connection: Connection, table: MigrationTable, plan: AlterPlan, rows: Table
) -> None:
    """Convert back and compare with the originals."""
    if not plan.checked:
        return
    name = emptied(connection, table, "reverted")
    converted = temporary_name(table, "converted")
    run(
        connection,
        f"INSERT IGNORE INTO {quote_name(name)} ({column_names(plan.kept.columns)})"
        f" SELECT {values(plan.shadow.columns, plan.kept.columns)}"
        f" FROM {quote_name(converted)}",
    )
    here = quote_name(rows.name)
    for old, new in plan.checks:
        same = f"{same_key(table.definition, here, 'back')} AND {_same_value(old, here, 'back')}"
        found = run(
            connection,
            f"SELECT {key_literals(rows)} FROM {here} WHERE NOT EXISTS"
            f" (SELECT 1 FROM {quote_name(name)} AS back WHERE {same})"
            f" ORDER BY {order(rows.key)} LIMIT 1",
        ).rows
        if found:
            key = ", ".join(bound_from_row(found[0]))
            raise lossy(table, key, f"{old.name} as {new.column_type} is not what it was")


def _same_value(column: Column, one: str, other: str) -> str:
    names = [f"{alias}.{quote(column.name)}" for alias in (one, other)]
    if column.kind in _AS_BYTES:
        names = [f"CAST({name} AS BINARY)" for name in names]
    elif column.kind in _AS_NUMBER:
        names = [f"{name} + 0" for name in names]
    return " <=> ".join(names)
