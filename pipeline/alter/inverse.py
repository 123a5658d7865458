"""The plan of an alter's way back: the inverse of the alter's own.

Each column that both tables have goes back to what it was: a renamed one to its old name, a widened
one to its old type, where the value fits. What the change has added is left out. What it has
dropped stays in the old table for rows that still exist, and gets its default in new ones.

The way forward again is the inverse of that: what was added stays, what was dropped is left out.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from pipeline.alter.conversions import reports_loss
from pipeline.alter.plan import new_unique, unfilled
from pipeline.domain.alter_plan import AlterPlan
from pipeline.mysql.introspect import read_columns
from pipeline.mysql.table import Column, TableName


def inverse_plan(
    connection: Connection, plan: AlterPlan, source: TableName, filled: TableName
) -> AlterPlan:
    """The way back from `source`, which `plan` has filled, to the table that it was made of.

    `filled` is what that one is called.

    Raises:
        RefusedError: a column of `filled` has to be given a value, and none is known.
    """
    pairs = list(zip(plan.shadow.columns, plan.kept.columns, strict=True))
    return AlterPlan(
        ddl=plan.ddl,
        kept=replace(plan.shadow, name=source),
        shadow=replace(plan.kept, name=filled),
        fills=tuple(unfilled(connection, filled, plan.kept.columns)),
        retyped=plan.retyped,
        checked=tuple(new.name for new, old in pairs if not reports_loss(new, old)),
        new_unique=tuple(new_unique(connection, source, filled, pairs)),
        carried=dropped_columns(connection, plan, filled),
        computes=any(column.generated for column in read_columns(connection, filled)),
    )


def dropped_columns(
    connection: Connection, plan: AlterPlan, original: TableName
) -> tuple[Column, ...]:
    """The columns of the original that the change does not keep, generated ones left out."""
    kept = {column.name for column in plan.kept.columns}
    columns = read_columns(connection, original)
    return tuple(one for one in columns if not one.generated and one.name not in kept)
