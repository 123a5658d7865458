"""The job of copying a chunk. Its claim fences late attempts out (I3), and counts failed ones."""

from __future__ import annotations

from pipeline.control.chunks import chunk_failures, unsend
from pipeline.copy.chunk import copy_chunk
from pipeline.domain.role import Role
from pipeline.domain.stages import STAGES_THAT_COPY
from pipeline.work.job import JobContext, JobKind


def _copy(context: JobContext) -> bool:
    migration = context.migration
    copied = copy_chunk(
        context.pools, migration.source, migration.target, context.table, context.number,
        context.owner,
    )  # fmt: skip
    return copied is not None


COPY = JobKind(
    role=Role.COPY,
    stages=STAGES_THAT_COPY,
    perform=_copy,
    unsend=unsend,
    attempts=chunk_failures,
    limit=lambda settings: settings.row_copy.attempts,
    what="Copying chunk {number} of {table}",
)
