"""An alter: the rows go to the shadow on the same server, and that server converts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from pipeline.alter.carried import note_kept
from pipeline.alter.convert_rows import converted_rows
from pipeline.alter.plan import create_shadow, map_columns
from pipeline.alter.rows import copy_range, replace_rows
from pipeline.alter.temporary import create_templates
from pipeline.control.migration_tables import mark_created_by_us, mark_dropped, note_target
from pipeline.domain.alter_plan import AlterPlan
from pipeline.domain.request import alter_request
from pipeline.errors import StartOverError
from pipeline.mysql.catalogue import table_identity
from pipeline.mysql.keyrange import KeyRange, Moved
from pipeline.mysql.servers import drop_if, table_exists, table_is_empty
from pipeline.mysql.table import Table, TableName
from pipeline.strategy.base import Sides, Strategy, WriteChunk, Written, created_by_another


@dataclass(frozen=True)
class AlterStrategy(Strategy):
    """One server reads, converts and writes."""

    plan: AlterPlan

    def prepare_target(self, sides: Sides) -> None:
        table, plan, request = self.table, self.plan, alter_request(sides.migration.request)
        with sides.control() as control:
            if table_exists(control, table.target) and not self.is_left_behind(control):
                raise created_by_another(table.target)
            # Noted first, so that clean-up may drop it, whatever happens in between.
            mark_created_by_us(control, table)
        with sides.ddl() as target:
            # One that an interrupted call has left behind is created anew.
            drop_if(target, table.target, self.is_left_behind)
            taken = table_exists(target, table.target)
            if not taken:
                create_shadow(target, table.source, table.target, plan.ddl)
        if taken:
            with sides.control() as control:
                mark_dropped(control, table)  # none of ours is there
            raise created_by_another(table.target)
        with sides.control() as control:
            note_target(control, table, table_identity(control, table.target))
        with sides.control() as control:
            if map_columns(control, table.target, request) != plan:
                raise StartOverError(
                    f"The definition of {table.source} has changed since the alter was planned.",
                    "Nothing was copied.",
                )
        with sides.ddl() as target:
            create_templates(target, table, plan)

    def is_left_behind(self, target: Connection) -> bool:
        """Whether a shadow is there that this migration has created."""
        table = self.table
        found = table_identity(target, table.target)
        if found is None or not table.created_by_us:
            return False
        noted = table.target_identity
        return found == noted or (noted is None and table_is_empty(target, table.target))

    def read_chunk(self, source: Connection, name: TableName, keys: KeyRange) -> WriteChunk:
        return lambda target: Written(*copy_range(target, self.table, keys))

    def keep_values(self, target: Connection, moved: Sequence[Moved]) -> None:
        if self.plan.carried:
            note_kept(target, self.table, "FALSE", moved)

    def apply_images(self, target: Connection, lines: bytes) -> None:
        if lines:
            replace_rows(target, self.table, lines)

    @property
    def compares_in_place(self) -> bool:
        """Whether no kept column changes its type, so that the rows are read as they are."""
        return not self.plan.retyped

    def comparable_rows(self, source: Connection, name: TableName, condition: str) -> Table:
        if self.compares_in_place:
            return replace(self.plan.kept, name=name)
        return converted_rows(source, self.table, condition)
