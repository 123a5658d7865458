"""What a person asks to be started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.domain.migration import Migration, MigrationKind, MigrationTable
from pipeline.domain.names import shadow_name
from pipeline.mysql.table import TableName


@dataclass(frozen=True)
class Alteration:
    """What is asked of a table. `renames` are (old, new); `accepted` columns are not checked."""

    ddl: str
    renames: tuple[tuple[str, str], ...] = ()
    accepted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """What is asked for. `target_schema` None: the schema of the source.

    Of an alter `alteration` says what, and source and target are one server.
    """

    source: str
    target: str
    tables: tuple[TableName, ...]
    target_schema: str | None = None
    with_triggers: bool = False
    json_as_text: bool = False
    alteration: Alteration | None = None
    force: bool = False  # what blocks the cut-over may be killed

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Request:
        """What `as_json` made, once more."""
        asked = value["alteration"]
        alteration = None
        if asked is not None:
            renames = tuple((old, new) for old, new in asked["renames"])
            alteration = Alteration(asked["ddl"], renames, tuple(asked["accepted"]))
        tables = tuple(TableName(**name) for name in value["tables"])
        return cls(**{**value, "tables": tables, "alteration": alteration})

    @property
    def kind(self) -> MigrationKind:
        return MigrationKind.MOVE if self.alteration is None else MigrationKind.ALTER

    @classmethod
    def of(cls, migration: Migration, moved: Sequence[MigrationTable]) -> Request:
        """The request that led to `migration`."""
        elsewhere = {one.target.schema for one in moved if one.target.schema != one.source.schema}
        tables = tuple(one.source for one in moved)
        schema = next(iter(elsewhere), None)
        options, plan = migration.options, moved[0].alter_plan
        return cls(
            migration.source, migration.target, tables, schema, options.with_triggers,
            options.json_as_text, None if plan is None else Alteration(plan.ddl),
            options.force_after_s is not None,
        )  # fmt: skip

    def target_name(self, table: TableName) -> TableName:
        if self.alteration is not None:
            return shadow_name(table)
        return TableName(self.target_schema or table.schema, table.name)
