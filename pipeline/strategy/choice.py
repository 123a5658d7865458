"""The one place that asks whether a table is moved or altered."""

from __future__ import annotations

from pipeline.domain.migration import MigrationTable
from pipeline.strategy.alter import AlterStrategy
from pipeline.strategy.base import Strategy
from pipeline.strategy.move import MoveStrategy


def strategy_of(table: MigrationTable) -> Strategy:
    """The strategy by which the rows of `table` get to the target."""
    plan = table.alter_plan
    return MoveStrategy(table) if plan is None else AlterStrategy(table, plan)
