"""The control schema, what runs and what people see: roles, throttles, hooks, schedules, events."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
)

from pipeline.control.schema_base import OPTIONS, Identity, Moment, metadata
from pipeline.control.types import Json, Prose, enumerated
from pipeline.domain.cut_over_parts import Part
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook, HookStatus
from pipeline.domain.reading import Reading
from pipeline.domain.request import Request
from pipeline.domain.role import Role

leases = Table(
    "leases",
    metadata,
    Column("migration_id", Identity, nullable=False),
    Column("role", enumerated(Role, 16), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("owner", String(255)),
    Column("connection_id", BigInteger),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("migration_id", "role"),
    **OPTIONS,
)

throttles = Table(
    "throttles",
    metadata,
    Column("migration_id", Identity, primary_key=True),
    Column("manual", String(255)),  # who asked for it
    Column("reasons", Json(tuple[Reading, ...])),  # what is over its limit
    Column("since", Moment),
    Column("window", Integer),  # chunks that may be in flight
    Column("slowed_since", Moment),  # the stream lagged; until the window is at its most again
    Column("slowing_noted_at", Moment),  # in the event log, which is for people
    Column("gives_way", Boolean),  # others used the source when it was assessed
    Column("caught_up_at", Double),  # epoch s of the source: all up to then was applied
    Column("overrides", Json(dict[str, float])),
    Column("checked_at", Moment),
    **OPTIONS,
)

heartbeat = Table(
    "heartbeat",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    **OPTIONS,
)

schedules = Table(
    "schedules",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("target", String(255), nullable=False),
    Column("cron", String(255), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("request", Json(Request), nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("next_due", Moment, nullable=False),  # what makes a run happen once
    Column("last_due", Moment),
    Column("last_outcome", Prose),
    Column("migration_id", Identity),
    Column("created_at", Moment, nullable=False),
    Column("created_by", String(255), nullable=False),
    **OPTIONS,
)

cut_over_parts = Table(
    "cut_over_parts",
    metadata,
    Column("migration_id", Identity, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("part", enumerated(Part, 16), nullable=False),
    Column("ms", Double, nullable=False),  # the parts of an attempt add up to its time
    PrimaryKeyConstraint("migration_id", "attempt", "part"),
    **OPTIONS,
)

hooks = Table(
    "hooks",
    metadata,
    Column("migration_id", Identity, nullable=False),
    Column("name", enumerated(Hook), nullable=False),
    Column("status", enumerated(HookStatus, 16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("exit_code", Integer),
    Column("output", Prose),
    Column("changed_at", Moment, nullable=False),
    PrimaryKeyConstraint("migration_id", "name"),
    **OPTIONS,
)

events = Table(
    "events",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("migration_id", Identity, nullable=False, index=True),
    Column("at", Moment, nullable=False),
    Column("kind", enumerated(EventKind), nullable=False),
    Column("message", Prose, nullable=False),
    Column("by", String(255), nullable=False),
    **OPTIONS,
)
