"""What the control schema says, as frozen values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import blake2s
from typing import Any

from pipeline.mysql.table import Column, Key, Kind, Table, TableName

# Of 64 characters, less `_` and `_del`.
_ASIDE_KEEPS = 59


class Stage(StrEnum):
    """Where a migration is. The legal steps between them are in cutover/stages.py."""

    PREPARING = "preparing"
    COPYING = "copying"
    CONVERGING = "converging"
    READY = "ready"
    RENAMING = "renaming"
    DRAINING = "draining"
    VERIFYING = "verifying"
    SWITCHING = "switching"
    RESTORING = "restoring"
    DONE = "done"
    ABORTED = "aborted"
    FAILED = "failed"


class ChunkState(StrEnum):
    """A chunk's life: pending → sent → claimed → done; a failed attempt is pending again."""

    PENDING = "pending"
    SENT = "sent"
    CLAIMED = "claimed"
    DONE = "done"


class Role(StrEnum):
    """What only one process may do at a time for one migration (I2)."""

    STREAM = "stream"
    COORDINATE = "coordinate"


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line, kept for the length of the migration."""

    hooks: dict[str, str] = field(default_factory=dict)
    chunk_rows: int | None = None
    with_triggers: bool = False
    json_as_text: bool = False


@dataclass(frozen=True)
class Failure:
    """Why a migration stopped, and what to do."""

    role: str
    explanation: str
    remedy: str


@dataclass(frozen=True)
class Migration:
    """One row of `migration`."""

    id: str
    kind: str
    source: str
    target: str
    stage: Stage
    stage_since: datetime
    resume_stage: Stage | None
    after_restore: Stage | None
    options: Options
    postponed: bool
    abort_asked: bool
    attempt: int
    retry_at: datetime | None
    rename_connection: int | None
    renamed_at: datetime | None
    drain_gtids: str | None
    failure: Failure | None
    created_at: datetime
    created_by: str
    cleaned_at: datetime | None
    now: datetime  # the control server's clock, read with the row

    @classmethod
    def from_row(cls, row: Any) -> Migration:
        values = dict(row._mapping)
        for name in ("stage", "resume_stage", "after_restore"):
            values[name] = Stage(values[name]) if values[name] else None
        values["options"] = Options(**values["options"])
        values["failure"] = Failure(**values["failure"]) if values["failure"] else None
        return cls(**values)


@dataclass(frozen=True)
class Moved:
    """One table of a migration."""

    id: int
    migration_id: str
    ordinal: int
    table: Table
    target: TableName
    rows_estimate: int
    bytes_estimate: int
    created_by_us: bool
    planned: bool
    copied: bool
    chunk_rows: int

    @property
    def source(self) -> TableName:
        return self.table.name

    @property
    def aside(self) -> TableName:
        """The source table's name once it has been cut over."""
        return aside_name(self.table.name)

    @classmethod
    def from_row(cls, row: Any) -> Moved:
        values = dict(row._mapping)
        values["table"] = table_from_json(values.pop("definition"))
        values["target"] = TableName(values.pop("target_schema"), values.pop("target_name"))
        return cls(**values)


@dataclass(frozen=True)
class Claim:
    """A chunk taken by a worker: its attempt number fences the transaction (I3)."""

    moved: Moved
    no: int
    attempt: int


def aside_name(name: TableName) -> TableName:
    """`_t_del`, as gh-ost calls it, within the 64 characters that a name may have.

    A name too long for that keeps its beginning and a digest of the whole, so that two
    tables never share one.
    """
    kept = name.name
    if len(kept) > _ASIDE_KEEPS:
        digest = blake2s(kept.encode(), digest_size=4).hexdigest()
        kept = f"{kept[: _ASIDE_KEEPS - 9]}_{digest}"
    return TableName(name.schema, f"_{kept}_del")


def table_to_json(table: Table) -> dict[str, Any]:
    return asdict(table)


def table_from_json(value: dict[str, Any]) -> Table:
    columns = tuple(
        Column(**{**column, "kind": Kind(column["kind"])}) for column in value["columns"]
    )
    key = Key(value["key"]["name"], tuple(value["key"]["columns"]))
    between = value.get("between_flavours", False)
    return Table(TableName(**value["name"]), columns, key, between)
