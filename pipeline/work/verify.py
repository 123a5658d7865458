"""The jobs of verifying a chunk in full, and what was touched, once; sent again until it is done.

Their attempts are not limited: what is being written may take any number of them.
"""

from __future__ import annotations

import logging

from sqlalchemy import Connection

from pipeline.checksum.sides import TableSides, sides_of
from pipeline.checksum.verify import ChunkVerifier, Verdict
from pipeline.checksum.verify_keys import KeyVerifier, SliceVerdict
from pipeline.control.chunk_checks import unsend_check
from pipeline.control.touched_keys import begin_keys, unsend_keys
from pipeline.domain.migration import MigrationTable
from pipeline.domain.role import Role
from pipeline.domain.stages import STAGES_THAT_VERIFY
from pipeline.work.job import JobContext, JobKind

log = logging.getLogger(__name__)


_KEYS_FOR_S = 1.5  # then the stage and the throttle are looked at again


def _sides(context: JobContext) -> TableSides:
    return sides_of(context.pools, context.migration, context.table, context.table.source)


def _verify(context: JobContext) -> bool:
    verdict = ChunkVerifier(_sides(context)).verify(context.number)
    log.info("verification: %s", verdict.value)
    return verdict in (Verdict.VERIFIED, Verdict.REPAIRED)


def _verify_keys(context: JobContext) -> bool:
    with context.pools.begin(context.migration.target) as control:
        began = begin_keys(control, context.table)
    try:
        verdict = KeyVerifier(_sides(context)).verify_for(_KEYS_FOR_S)
    finally:
        with context.pools.begin(context.migration.target) as control:
            unsend_keys(control, context.table, began)
    log.info("verification of touched keys: %s", verdict.value)
    # If nothing is left, the next tick is soon enough: there is something new all the time.
    return verdict in (SliceVerdict.EQUAL, SliceVerdict.DIFFERENT)


def _unsend_keys(control: Connection, table: MigrationTable, _: int) -> None:
    unsend_keys(control, table)


VERIFY = JobKind(
    role=Role.CHECKSUM,
    stages=STAGES_THAT_VERIFY,
    perform=_verify,
    unsend=unsend_check,
    attempts=None,
)

VERIFY_KEYS = JobKind(
    role=Role.CHECKSUM,
    stages=STAGES_THAT_VERIFY,
    perform=_verify_keys,
    unsend=_unsend_keys,
    attempts=None,
)
