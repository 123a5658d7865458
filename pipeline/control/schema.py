"""The control schema: every fact about a migration, on the target server.

It is where the data is, so that a fact commits in the same transaction as the rows it speaks of.
Catalogue:

    migrations        each migration: stage, request, intents, the failure that stopped it
    claims            each table that a migration reads or writes, so that no two hold the same one
    migration_tables  the tables of a migration, with their definitions as read at the start
    chunks            which chunks there are, and who copies them under which attempt number (I3)
    chunk_checks      the ledger: which chunks have been verified in full, and who verifies them
                      under which attempt number (I6)
    index_builds      the indexes that a table gets after its rows, and who adds them (I7)
    streams           the position applied and committed (I1), and what the applier has done
    leases            who holds a role, under which epoch (I2)
    throttles         what holds a migration back, and what was set for it alone
    heartbeat         one row: the present time, by which replicas show how late they are
    schedules         migrations to be started at certain times
    cut_over_parts    what the time of each cut-over attempt was spent on
    hooks             each hook that has run: status and number of attempts
    events            what happened, in order, for people
    schema_version    one row: which version of these tables it is (install.py)

and for each migration table, with key columns of the source's type and collation:

    bounds_<id>       the key at which each chunk ends, inclusive. The last chunk has no row; it is
                      open above
    tombstones_<id>   keys of rows deleted while chunks were in flight (I4)
    touched_<id>      the touched key log: the keys that each batch has changed, in the order of the
                      batches, until they are verified (I6)

and for an alter the empty tables from which each connection makes its temporary ones:

    staged_<id>, converted_<id>, reverted_<id>    (pipeline/alter/convert_rows.py)
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Double,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    select,
)
from sqlalchemy.dialects.mysql import LONGTEXT

from pipeline.control.types import Gtids, Json, UtcDateTime, enumerated
from pipeline.domain.alter_plan import AlterPlan
from pipeline.domain.chunk_state import ChunkState
from pipeline.domain.cut_over_parts import Part
from pipeline.domain.event_kind import EventKind
from pipeline.domain.hook_names import Hook, HookStatus
from pipeline.domain.migration import DdlConnection, Failure
from pipeline.domain.reading import Reading
from pipeline.domain.request import Request
from pipeline.domain.role import Role
from pipeline.domain.stages import Stage
from pipeline.mysql.indexes import DeferredIndex
from pipeline.mysql.table import Table as TableDefinition

SCHEMA = "tranship"
NOW: ColumnElement[datetime] = literal_column("UTC_TIMESTAMP(6)", UtcDateTime())
# Raised with every change of a table here, or of a value that a JSON column holds.
VERSION = 2

metadata = MetaData(schema=SCHEMA)
Moment = UtcDateTime()
Identity = String(32)
_OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}

migrations = Table(
    "migrations",
    metadata,
    Column("id", Identity, primary_key=True),
    Column("source", String(255), nullable=False),
    Column("target", String(255), nullable=False),
    Column("stage", enumerated(Stage), nullable=False),
    Column("stage_since", Moment, nullable=False),
    Column("resume_stage", enumerated(Stage)),  # in which `resume` goes on
    Column("after_restore", enumerated(Stage)),  # where restoring the source leads
    Column("request", Json(Request), nullable=False),  # a MoveRequest or an AlterRequest
    Column("postponed", Boolean, nullable=False),
    Column("abort_asked", Boolean, nullable=False),
    Column("attempt", Integer, nullable=False),  # cut-over attempts so far
    Column("retry_at", Moment),  # no attempt before this
    Column("rename_connection", BigInteger),  # the only one that may rename (I7)
    Column("lock_connection", BigInteger),  # alter only: the only one that may lock
    Column("ddl_connection", Json(DdlConnection)),  # the only one that may send DDL (I7)
    Column("first_attempt_at", Moment),  # alter only: what force_after_s counts from
    Column("blocked_at", Moment),  # since when writes are blocked
    Column("drain_gtids", Gtids),  # executed when writes stopped: to be applied before the switch
    Column("failure", Json(Failure)),  # why it stopped
    Column("created_at", Moment, nullable=False),
    Column("created_by", String(255), nullable=False),
    Column("cleaned_at", Moment),  # what it left behind has been dropped
    **_OPTIONS,
)

claims = Table(
    "claims",
    metadata,
    Column("server", String(255), nullable=False),  # its identity, whatever it is called
    Column("schema_name", String(64), nullable=False),
    Column("table_name", String(64), nullable=False),
    Column("migration_id", Identity, nullable=False),
    PrimaryKeyConstraint("server", "schema_name", "table_name"),
    **_OPTIONS,
)

migration_tables = Table(
    "migration_tables",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("migration_id", Identity, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("definition", Json(TableDefinition), nullable=False),
    Column("definition_text", LONGTEXT, nullable=False),  # as the source's server writes it
    Column("target_schema", String(64), nullable=False),
    Column("target_name", String(64), nullable=False),
    Column("rows_estimate", BigInteger, nullable=False),
    Column("bytes_estimate", BigInteger, nullable=False),
    Column("created_by_us", Boolean, nullable=False),
    Column("target_identity", String(64)),  # the very table that is filled (catalogue.py)
    Column("source_identity", String(64)),  # the very table that gets the retired name
    Column("planned", Boolean, nullable=False),  # the chunker has seen the end of the key
    Column("copied", Boolean, nullable=False),  # no chunk is in flight any more
    Column("chunk_rows", Integer, nullable=False),  # adapted as the copy goes on
    Column("keys_sent_at", Moment),  # as in chunk_checks, of the message to verify touched keys
    Column("keys_attempt", Integer, nullable=False),
    Column("keys_failures", Integer, nullable=False),
    Column("keys_per_s", Double),  # touched keys: how fast they were compared last
    Column("alter_plan", Json(AlterPlan)),  # alter only
    Column("rows_copied", BigInteger, nullable=False),  # totals, for people (totals.py)
    Column("bytes_copied", BigInteger, nullable=False),
    Column("chunks_verified", Integer, nullable=False),
    UniqueConstraint("migration_id", "ordinal"),
    **_OPTIONS,
)

chunks = Table(
    "chunks",
    metadata,
    Column("table_id", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", enumerated(ChunkState, 8), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("worker", String(255)),
    Column("connection_id", BigInteger),
    Column("sent_at", Moment),
    Column("claimed_at", Moment),  # or when its worker was last seen alive
    Column("done_at", Moment),
    Column("rows", BigInteger),
    Column("bytes", BigInteger),
    Column("seconds", Float),
    Column("error", Text),
    PrimaryKeyConstraint("table_id", "number"),
    Index("by_state", "table_id", "state", "number"),
    Index("by_end", "table_id", "done_at"),
    **_OPTIONS,
)

chunk_checks = Table(
    "chunk_checks",
    metadata,
    Column("table_id", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("fully_verified", Boolean, nullable=False),  # since then only touched keys are
    Column("attempt", Integer, nullable=False),  # only the latest one may record or repair
    Column("claimed_batch", BigInteger),  # the last one applied when that attempt began
    Column("run", Integer),  # the first of the chunks that are sent with it, as one
    Column("sent_at", Moment),  # or when the attempt that followed was last seen alive
    Column("not_before", Moment),  # inconclusive: no use in trying again at once
    Column("verified_at", Moment),
    Column("repairs", Integer, nullable=False),
    Column("failures", Integer, nullable=False),  # attempts in a row that ended in an error
    PrimaryKeyConstraint("table_id", "number"),
    Index("unverified", "table_id", "fully_verified", "attempt"),
    Index("sent", "table_id", "sent_at"),
    Index("claimed", "table_id", "claimed_batch"),
    **_OPTIONS,
)

index_builds = Table(
    "index_builds",
    metadata,
    Column("table_id", Integer, primary_key=True, autoincrement=False),
    Column("indexes", Json(tuple[DeferredIndex, ...]), nullable=False),
    Column("connection_id", BigInteger),  # the only one that may add them (I7)
    Column("attempts", Integer, nullable=False),
    Column("began_at", Moment),  # the latest attempt
    Column("built_at", Moment),
    Column("failure", Json(Failure)),  # of that attempt
    **_OPTIONS,
)

streams = Table(
    "streams",
    metadata,
    Column("migration_id", Identity, primary_key=True),
    Column("position", Gtids, nullable=False),
    Column("prepared_xa", Json(tuple[str, ...]), nullable=False),  # at the position
    Column("source_identity", String(255), nullable=False),  # whose log is read
    Column("logs_keys", Boolean, nullable=False),  # each batch from now on: verification has begun
    Column("batches", BigInteger, nullable=False),
    Column("rows_applied", BigInteger, nullable=False),
    Column("source_time", Double, nullable=False),  # epoch s: all up to then is applied
    Column("applied_at", Moment, nullable=False),
    **_OPTIONS,
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
    Column("caught_up_at", Double),  # epoch s of the source: all up to then was applied
    Column("overrides", Json(dict[str, float])),
    Column("checked_at", Moment),
    **_OPTIONS,
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
    Column("last_outcome", Text),
    Column("migration_id", Identity),
    Column("created_at", Moment, nullable=False),
    Column("created_by", String(255), nullable=False),
    **_OPTIONS,
)

heartbeat = Table(
    "heartbeat",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    **_OPTIONS,
)

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
    **_OPTIONS,
)

cut_over_parts = Table(
    "cut_over_parts",
    metadata,
    Column("migration_id", Identity, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("part", enumerated(Part, 16), nullable=False),
    Column("ms", Double, nullable=False),  # the parts of an attempt add up to its time
    PrimaryKeyConstraint("migration_id", "attempt", "part"),
    **_OPTIONS,
)

hooks = Table(
    "hooks",
    metadata,
    Column("migration_id", Identity, nullable=False),
    Column("name", enumerated(Hook), nullable=False),
    Column("status", enumerated(HookStatus, 16), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("exit_code", Integer),
    Column("output", Text),
    Column("changed_at", Moment, nullable=False),
    PrimaryKeyConstraint("migration_id", "name"),
    **_OPTIONS,
)

events = Table(
    "events",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("migration_id", Identity, nullable=False, index=True),
    Column("at", Moment, nullable=False),
    Column("kind", enumerated(EventKind), nullable=False),
    Column("message", Text, nullable=False),
    Column("by", String(255), nullable=False),
    **_OPTIONS,
)


schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    **_OPTIONS,
)


def ago(seconds: float) -> ColumnElement[datetime]:
    return ahead(-seconds)


def ahead(seconds: float) -> ColumnElement[datetime]:
    """A moment `seconds` from now, by the server's clock."""
    interval = f"INTERVAL {round(seconds * 1e6)} MICROSECOND"
    return literal_column(f"UTC_TIMESTAMP(6) + {interval}", UtcDateTime())


def read_now(connection: Connection) -> datetime:
    """The server's clock."""
    return connection.execute(select(NOW)).scalar_one()
