"""The tables in which a connection converts rows: temporary ones, neither logged nor replicated.

    staged     rows of the original: from the binary log, or as one read has found them
    converted  the kept columns, as the shadow defines them
    reverted   converted rows, as the original defines them
    carried    way back only: what the filled table's rows hold beyond the kept columns (carried.py)

Each is made from an empty template in the control schema, once for a connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy import Connection

from pipeline.alter.columns import column_names
from pipeline.control.schema import SCHEMA
from pipeline.domain.alter_plan import AlterPlan
from pipeline.domain.migration import MigrationTable
from pipeline.errors import known
from pipeline.mysql.pools import run
from pipeline.mysql.quoting import quote_list, quote_name
from pipeline.mysql.table import Key, Table, TableName
from pipeline.mysql.temporary import empty, temporary_like

PRIMARY = "PRIMARY"
_KINDS = ("staged", "converted", "reverted", "carried")


def create_templates(connection: Connection, table: MigrationTable, plan: AlterPlan) -> None:
    """Create the empty tables from which each connection makes its temporary ones."""
    for kind, like, name in _templates(table, plan):
        run(
            connection,
            f"CREATE TABLE IF NOT EXISTS {quote_name(_template(table, kind))}"
            f" (PRIMARY KEY ({quote_list(like.key.columns)})) ENGINE=InnoDB"
            f" SELECT {column_names(like.columns)} FROM {quote_name(name)} LIMIT 0",
        )


def _templates(table: MigrationTable, plan: AlterPlan) -> Iterator[tuple[str, Table, TableName]]:
    """Each kind, its columns and key, and the table that defines them."""
    written = replace(table.definition, columns=table.definition.written)
    yield "staged", written, table.source
    yield "converted", plan.shadow, table.target
    yield "reverted", plan.kept, table.source
    if plan.carried:
        columns = plan.shadow.key_columns + plan.carried
        yield "carried", replace(plan.shadow, columns=columns), table.target


def drop_templates(connection: Connection, table: MigrationTable) -> None:
    names = ", ".join(quote_name(_template(table, kind)) for kind in _KINDS)
    run(connection, f"DROP TABLE IF EXISTS {names}")


def make_temporaries(connection: Connection, table: MigrationTable) -> None:
    """Create all of them now: a connection that holds LOCK TABLES can't."""
    for kind, _, _ in _templates(table, plan_of(table)):
        temporary(connection, table, kind)


def temporary(connection: Connection, table: MigrationTable, kind: str) -> TableName:
    """The connection's own table, created if it is not there."""
    name = temporary_name(table, kind)
    temporary_like(connection, name, _template(table, kind))
    return name


def emptied(connection: Connection, table: MigrationTable, kind: str) -> TableName:
    """The same, without rows."""
    name = temporary(connection, table, kind)
    empty(connection, name)
    return name


def staged_table(connection: Connection, table: MigrationTable) -> Table:
    """The connection's table for rows of the original, emptied."""
    name = emptied(connection, table, "staged")
    return replace(table.definition, name=name, key=Key(PRIMARY, table.definition.key.columns))


def temporary_name(table: MigrationTable, kind: str) -> TableName:
    # Not by the table's number alone, which another control schema may have given out, too.
    return TableName(SCHEMA, f"{kind}_{table.migration_id}_{table.ordinal}")


def _template(table: MigrationTable, kind: str) -> TableName:
    return TableName(SCHEMA, f"{kind}_{table.id}")


def plan_of(table: MigrationTable) -> AlterPlan:
    return known(table.alter_plan, f"the plan of {table.source}")
