"""The job of verifying a chunk once; the coordinator sends it again as long as it is dirty.

Its attempts are not limited: a chunk that is being written may take any number of them.
"""

from __future__ import annotations

import logging

from pipeline.checksum.verify import ChunkVerifier, Verdict
from pipeline.control.chunk_checks import unsend_check
from pipeline.domain.migration import source_name
from pipeline.domain.role import Role
from pipeline.domain.stages import STAGES_THAT_VERIFY
from pipeline.work.job import JobContext, JobKind

log = logging.getLogger(__name__)


def _verify(context: JobContext) -> bool:
    migration = context.migration
    verifier = ChunkVerifier(
        pools=context.pools,
        source=migration.source,
        target=migration.target,
        table=context.table,
        source_name=source_name(migration.stage, context.table),
        settings=context.pools.settings.checksum,
    )
    verdict = verifier.verify(context.number)
    log.info("verification: %s", verdict.value)
    return verdict is not Verdict.INCONCLUSIVE


VERIFY = JobKind(
    role=Role.CHECKSUM,
    stages=STAGES_THAT_VERIFY,
    perform=_verify,
    unsend=unsend_check,
    attempts=None,
)
