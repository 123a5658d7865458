"""Has the server convert rows to the new definition, and says which row it can't convert.

For this a connection has up to three temporary tables, which are neither logged nor replicated:

    staged     rows of the original: from the binary log, or as one read has found them
    converted  the kept columns, as the shadow defines them
    reverted   converted rows, as the original defines them

Guarantee: a row arrives with every kept value, or an error names its key. Most conversions
that lose something report it (an error in a strict session, a warning in others; both stop here).
Where they would not (`AlterPlan.checked`: a rounded DOUBLE, a fraction of a second) the values
are converted there and back, and have to come out as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from pipeline.alter.conversions import goes_by_number
from pipeline.alter.lossy_writes import lossy, rows_from, write
from pipeline.control.schema import SCHEMA
from pipeline.domain.alter_plan import AlterPlan
from pipeline.domain.migration import MigrationTable
from pipeline.errors import known
from pipeline.mysql.codecs import key_literals
from pipeline.mysql.keyrange import bound_from_row, order, same_key
from pipeline.mysql.pools import Result, run
from pipeline.mysql.quoting import quote, quote_list, quote_name
from pipeline.mysql.table import Column, Key, Table, TableName, ValueKind
from pipeline.mysql.temporary import temporary_like

_AS_BYTES = frozenset({ValueKind.TEXT, ValueKind.BINARY, ValueKind.GEOMETRY, ValueKind.VECTOR})
_AS_NUMBER = frozenset({ValueKind.ENUM, ValueKind.SET, ValueKind.BIT})
_PRIMARY = "PRIMARY"


def create_templates(connection: Connection, table: MigrationTable, plan: AlterPlan) -> None:
    """Create the empty tables from which each connection makes its temporary ones."""
    original, shadow = table.source, table.target
    for kind, like, name in (
        ("staged", replace(table.definition, columns=table.definition.written), original),
        ("converted", plan.shadow, shadow),
        ("reverted", plan.kept, original),
    ):
        run(
            connection,
            f"CREATE TABLE IF NOT EXISTS {quote_name(_template(table, kind))}"
            f" (PRIMARY KEY ({quote_list(like.key.columns)})) ENGINE=InnoDB"
            f" SELECT {_columns(like)} FROM {quote_name(name)} LIMIT 0",
        )


def drop_templates(connection: Connection, table: MigrationTable) -> None:
    kinds = ("staged", "converted", "reverted")
    names = ", ".join(quote_name(_template(table, kind)) for kind in kinds)
    run(connection, f"DROP TABLE IF EXISTS {names}")


def staged_table(connection: Connection, table: MigrationTable) -> Table:
    """The connection's table for rows of the original, emptied."""
    name = _temporary(connection, table, "staged")
    return replace(table.definition, name=name, key=Key(_PRIMARY, table.definition.key.columns))


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
) -> Result:
    """`INSERT IGNORE` or `REPLACE` rows of the original, held by `rows`, into the shadow.

    Raises:
        FatalError: one can't be converted without loss; names its key.
        RetryableError: another row has its value of a new unique key, at least for now.
    """
    plan = plan_of(table)
    in_steps = _converts_in_steps(table, plan)
    if in_steps:
        frozen = _staged(connection, table, rows, condition)
        converted = _convert(connection, table, plan, frozen, "TRUE")
        _check_reverted(connection, table, plan, frozen)
        columns = _values(plan.shadow.columns, plan.shadow.columns)
        rows, condition = converted, "TRUE"
    else:
        columns = _values(plan.kept.columns, plan.shadow.columns)
    fills = [fill.literal for fill in plan.fills]
    names = quote_list([column.name for column in plan.shadow.columns])
    added = [quote(fill.column) for fill in plan.fills]
    return write(
        connection, table, plan, rows, condition,
        f"{verb} INTO {quote_name(table.target)} ({', '.join([names, *added])})"
        f" SELECT {', '.join([columns, *fills])} FROM {rows_from(rows, condition)}",
        converts=not in_steps,
    )  # fmt: skip


def _converts_in_steps(table: MigrationTable, plan: AlterPlan) -> bool:
    """Whether values are converted before they are written to the shadow.

    They are if they have to be looked at. And a warning about a generated column does not always
    name it: written to a table that has none, a value warns of its conversion alone.
    """
    generated = any(column.generated for column in table.definition.columns)
    return bool(plan.checked) or (plan.retyped and generated)


def _staged(connection: Connection, table: MigrationTable, rows: Table, condition: str) -> Table:
    """`rows` in a place where a second statement finds the same as the first."""
    if rows.name.schema == SCHEMA:
        return rows
    staged = staged_table(connection, table)
    written = table.definition.written
    run(
        connection,
        f"INSERT INTO {quote_name(staged.name)} ({quote_list([one.name for one in written])})"
        f" SELECT {_values(written, written)} FROM {rows_from(rows, condition)}",
    )
    return staged


def _convert(
    connection: Connection, table: MigrationTable, plan: AlterPlan, rows: Table, condition: str
) -> Table:
    name = _temporary(connection, table, "converted")
    write(
        connection, table, plan, rows, condition,
        f"INSERT INTO {quote_name(name)} ({_columns(plan.shadow)})"
        f" SELECT {_values(plan.kept.columns, plan.shadow.columns)}"
        f" FROM {rows_from(rows, condition)}",
    )  # fmt: skip
    return replace(plan.shadow, name=name, key=Key(_PRIMARY, plan.shadow.key.columns))


def _check_reverted(
    connection: Connection, table: MigrationTable, plan: AlterPlan, rows: Table
) -> None:
    """Convert back and compare with the originals."""
    if not plan.checked:
        return
    name = _temporary(connection, table, "reverted")
    converted = TableName(SCHEMA, _name(table, "converted"))
    run(
        connection,
        f"INSERT IGNORE INTO {quote_name(name)} ({_columns(plan.kept)})"
        f" SELECT {_values(plan.shadow.columns, plan.kept.columns)}"
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


def _values(columns: Sequence[Column], become: Sequence[Column]) -> str:
    """The columns as a SELECT has to name them so that they become those of `become`."""
    return ", ".join(
        f"CAST({quote(old.name)} AS UNSIGNED)" if goes_by_number(old, new) else quote(old.name)
        for old, new in zip(columns, become, strict=True)
    )


def _columns(table: Table) -> str:
    return quote_list([column.name for column in table.columns])


def _temporary(connection: Connection, table: MigrationTable, kind: str) -> TableName:
    name = TableName(SCHEMA, _name(table, kind))
    return temporary_like(connection, name, _template(table, kind))


def make_temporaries(connection: Connection, table: MigrationTable) -> None:
    """Create all of them now: a connection that holds LOCK TABLES can't."""
    for kind in ("staged", "converted", "reverted"):
        _temporary(connection, table, kind)


def _name(table: MigrationTable, kind: str) -> str:
    # Not by the table's number alone, which another control schema may have given out, too.
    return f"{kind}_{table.migration_id}_{table.ordinal}"


def _template(table: MigrationTable, kind: str) -> TableName:
    return TableName(SCHEMA, f"{kind}_{table.id}")


def plan_of(table: MigrationTable) -> AlterPlan:
    return known(table.alter_plan, f"the plan of {table.source}")
