"""The job of copying a chunk. Its claim fences late attempts out (I3), and counts failed ones.

The coordinator's step costs more than a chunk's own statements on the control schema. So it is not
called after each chunk, but once no more chunks wait than there are workers copying: then each has
one more, which takes longer than the step that sends them the next ones.
"""

from __future__ import annotations

from pipeline.control.chunks import chunk_failures, unsend, waiting_and_claimed
from pipeline.copy.chunk import copy_chunk
from pipeline.domain.role import Role
from pipeline.domain.stages import STAGES_THAT_COPY
from pipeline.work.job import Done, JobContext, JobKind


def _copy(context: JobContext) -> Done:
    migration = context.migration
    copied = copy_chunk(
        context.pools, migration.source, migration.target, context.table, context.number,
        context.owner,
    )  # fmt: skip
    return Done(changed=False) if copied is None else Done(changed=True, source_s=copied.source_s)


def _few_wait(context: JobContext) -> bool:
    with context.control() as control:
        waiting, claimed = waiting_and_claimed(control, context.table)
    return waiting <= claimed + 1  # this worker, too, will take one


COPY = JobKind(
    role=Role.COPY,
    stages=STAGES_THAT_COPY,
    perform=_copy,
    unsend=unsend,
    attempts=chunk_failures,
    limit=lambda settings: settings.row_copy.attempts,
    what="Copying chunk {number} of {table}",
    longest_for_others_s=3.0,  # who copies next is to look again
    calls=_few_wait,
)
