"""What the control schema says, as frozen values."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import blake2s
from typing import Any

from pipeline.mysql.table import Table, TableName, table_from_json
from pipeline.rebuild.definition import Rebuild

# Of 64 characters, less `_` and `_del`, or `_tranship_new`.
_ASIDE_KEEPS = 59
_SHADOW_KEEPS = 51


class Kind(StrEnum):
    """What a migration does; the two differ in how they write, and in how they cut over."""

    MOVE = "move"  # tables go to another server
    ALTER = "alter"  # one table is rebuilt in place


class Stage(StrEnum):
    """Where a migration is. The legal steps between them are in cutover/stages.py."""

    PREPARING = "preparing"
    COPYING = "copying"
    CONVERGING = "converging"
    READY = "ready"
    RENAMING = "renaming"
    DRAINING = "draining"
    VERIFYING = "verifying"
    SWAPPING = "swapping"  # of an alter only
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
    lock_timeout_s: float | None = None  # of an alter; otherwise cut_over.lock_wait_s
    force_after_s: float | None = None  # from then on what blocks the cut-over is killed
    cut_over_window: str | None = None  # as cutover/window.py reads it


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
    kind: Kind
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
    lock_connection: int | None
    first_attempt_at: datetime | None
    held_s: float | None
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
        values["kind"] = Kind(values["kind"])
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
    rebuild: Rebuild | None = None  # of an alter

    @property
    def landed(self) -> Table:
        """The target's definition of what is copied; `target` is its name there."""
        return self.rebuild.shadow if self.rebuild is not None else self.table

    @property
    def source(self) -> TableName:
        return self.table.name

    @property
    def aside(self) -> TableName:
        """The source table's name once it has been cut over."""
        name = self.table.name
        return aside_name(name) if self.rebuild is None else old_name(name)

    @classmethod
    def from_row(cls, row: Any) -> Moved:
        values = dict(row._mapping)
        values["table"] = table_from_json(values.pop("definition"))
        rebuild = values.pop("rebuild")
        values["rebuild"] = Rebuild.from_json(rebuild) if rebuild else None
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
        kept = f"{kept[: _ASIDE_KEEPS - 9]}_{_digest(kept)}"
    return TableName(name.schema, f"_{kept}_del")


def shadow_name(name: TableName) -> TableName:
    """`t_tranship_new`: the table that an alter fills."""
    return _sorted_after(name, "new")


def old_name(name: TableName) -> TableName:
    """`t_tranship_old`: the sentry of an alter, then the table as it was."""
    return _sorted_after(name, "old")


def scratch_name(name: TableName) -> TableName:
    """A table for a look at a change; not the shadow's, since several may look at once."""
    return _sorted_after(name, secrets.token_hex(2)[:3])


def _sorted_after(name: TableName, suffix: str) -> TableName:
    """A name of at most 64 characters that sorts after `name`, byte by byte.

    A server takes the locks of a RENAME in the order of the names. So the rename of a swap
    waits for the table itself, first in line, and holds no lock on the shadow until then
    (cutover/swap.py).
    """
    kept = name.name
    if len(kept) > _SHADOW_KEEPS:
        place = _SHADOW_KEEPS - 9
        higher = "~" if kept[place] < "~" else "\uffee"
        kept = f"{kept[:place]}{higher}{_digest(kept)}"
    return TableName(name.schema, f"{kept}_tranship_{suffix}")


def _digest(text: str) -> str:
    return blake2s(text.encode(), digest_size=4).hexdigest()
