"""The control schema, how far the rows are: chunks and their checks, index builds, the stream."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Float,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
)

from pipeline.control.schema_base import OPTIONS, Identity, Moment, metadata
from pipeline.control.types import Gtids, Json, Prose, enumerated
from pipeline.domain.chunk_state import ChunkState
from pipeline.domain.migration import Failure
from pipeline.mysql.indexes import DeferredIndex

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
    Column("failures", Integer, nullable=False),  # attempts that ended in an error
    Column("error", Prose),
    PrimaryKeyConstraint("table_id", "number"),
    Index("by_state", "table_id", "state", "number"),
    Index("by_end", "table_id", "done_at"),
    **OPTIONS,
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
    **OPTIONS,
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
    **OPTIONS,
)

watches = Table(
    "watches",
    metadata,
    Column("migration_id", Identity, primary_key=True),
    Column("seen", Gtids, nullable=False),
    Column("searched_at", Moment, nullable=False),
    Column("until", Gtids),  # executed before the application was told to write to the target
    **OPTIONS,
)

streams = Table(
    "streams",
    metadata,
    Column("migration_id", Identity, primary_key=True),
    Column("position", Gtids, nullable=False),
    Column("prepared_xa", Json(tuple[str, ...]), nullable=False),  # at the position
    Column("source_identity", String(255), nullable=False),  # of the server whose log is read
    Column("source_started", BigInteger, nullable=False),  # epoch s, by its clock then
    Column("source_lax", Boolean, nullable=False),  # since then it was seen with lax settings
    Column("logs_keys", Boolean, nullable=False),  # each batch from now on: verification has begun
    Column("batches", BigInteger, nullable=False),
    Column("rows_applied", BigInteger, nullable=False),
    Column("source_time", Double, nullable=False),  # epoch s: all up to then is applied
    Column("applied_at", Moment, nullable=False),
    **OPTIONS,
)
