"""The control schema: every fact about a migration, on the target server.

It is where the data is, so that a fact commits in the same transaction as the rows it speaks of.
Its tables are in three files, this one, schema_rows.py and schema_operation.py; whoever needs them
imports them from here. Catalogue:

    migrations        each migration: stage, request, intents, the failure that stopped it
    claims            each table that a migration reads or writes, so that no two hold the same one
    migration_tables  the tables of a migration, with their definitions as read at the start
    chunks            which chunks there are, and who copies them under which attempt number (I3)
    chunk_checks      the ledger: which chunks have been verified in full, and who verifies them
                      under which attempt number (I6)
    index_builds      the indexes that a table gets after its rows, and who adds them (I7)
    watches           how far the target's own binary log was searched for writes of others
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
                      batches, many in a row, until they are verified (I6)

and for an alter the empty tables from which each connection makes its temporary ones:

    staged_<id>, converted_<id>, reverted_<id>    (pipeline/alter/convert_rows.py)
    carried_<id>                                  (pipeline/alter/carried.py)
"""

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
    UniqueConstraint,
)
from sqlalchemy.dialects.mysql import LONGTEXT

from pipeline.control.schema_base import (
    NOW,
    OPTIONS,
    SCHEMA,
    Identity,
    Moment,
    ago,
    ahead,
    metadata,
    read_now,
)
from pipeline.control.schema_operation import (
    cut_over_parts,
    events,
    heartbeat,
    hooks,
    leases,
    schedules,
    throttles,
)
from pipeline.control.schema_rows import chunk_checks, chunks, index_builds, streams, watches
from pipeline.control.types import Gtids, Json, enumerated
from pipeline.domain.alter_plan import AlterPlan
from pipeline.domain.migration import DdlConnection, Failure, RunningSearch
from pipeline.domain.request import Request
from pipeline.domain.stages import Stage
from pipeline.domain.way_back import StreamStart
from pipeline.mysql.table import Table as TableDefinition
from pipeline.mysql.table import TableName

__all__ = [
    "NOW", "SCHEMA", "VERSION", "ago", "ahead", "chunk_checks", "chunks", "claims",
    "cut_over_parts", "events", "heartbeat", "hooks", "index_builds", "leases", "metadata",
    "migration_tables", "migrations", "read_now", "schedules", "schema_version", "streams",
    "throttles", "watches",
]  # fmt: skip

# Raised with every change of a table of the schema, or of a value that a JSON column holds.
VERSION = 4

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
    Column("way_back_start", Json(StreamStart)),  # where its stream begins: noted with the proof
    Column("log_search", Json(RunningSearch)),  # of a binary log: how far it is, for people
    Column("failure", Json(Failure)),  # why it stopped
    Column("created_at", Moment, nullable=False),
    Column("created_by", String(255), nullable=False),
    Column("cleaned_at", Moment),  # what it left behind has been dropped
    **OPTIONS,
)

claims = Table(
    "claims",
    metadata,
    Column("server", String(255), nullable=False),  # its identity, whatever it is called
    Column("schema_name", String(64), nullable=False),
    Column("table_name", String(64), nullable=False),
    Column("migration_id", Identity, nullable=False),
    Column("kept_on", String(255), nullable=False),  # whose control schema: a replica has a copy
    PrimaryKeyConstraint("server", "schema_name", "table_name"),
    **OPTIONS,
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
    Column("returns_to", Json(TableName)),  # way back only: the target's name after the cut-over
    Column("rows_copied", BigInteger, nullable=False),  # totals, for people (totals.py)
    Column("bytes_copied", BigInteger, nullable=False),
    Column("chunks_verified", Integer, nullable=False),
    UniqueConstraint("migration_id", "ordinal"),
    **OPTIONS,
)

schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    **OPTIONS,
)
