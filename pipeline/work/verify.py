"""The jobs of verifying chunks in full, and what was touched, once; sent again until it is done.

What is being written may take any number of attempts; only errors in a row are limited.

The coordinator's step costs more than what a run of chunks asks of the control schema. So a run
calls it only if chunks wait to be sent, or none is left to verify; for all else its tick will do.
"""

from __future__ import annotations

import logging

from sqlalchemy import Connection

from pipeline.checksum.sides import TableSides, sides_of
from pipeline.checksum.verify import ChunkVerifier, Verdict
from pipeline.checksum.verify_keys import KeyVerifier, SliceVerdict
from pipeline.configuration.settings import Settings
from pipeline.control.check_messages import due_checks, unsend_check
from pipeline.control.chunk_checks import check_failures, unverified_chunks
from pipeline.control.touched_keys import (
    begin_keys,
    end_keys,
    keys_failures,
    renew_keys,
    unsend_keys,
)
from pipeline.domain.migration import MigrationTable
from pipeline.domain.role import Role
from pipeline.domain.stages import STAGES_THAT_VERIFY
from pipeline.errors import UnreachableError
from pipeline.renewal import renewed
from pipeline.work.job import Done, JobContext, JobKind

log = logging.getLogger(__name__)


_KEYS_FOR_S = 1.5  # then the stage and the throttle are looked at again


def _sides(context: JobContext) -> TableSides:
    return sides_of(context.pools, context.migration, context.table, context.table.source)


def _verify(context: JobContext) -> Done:
    verifier = ChunkVerifier(_sides(context))
    verdict = verifier.verify(context.number)
    log.info("verification: %s", verdict.value)
    changed = verdict in (Verdict.VERIFIED, Verdict.REPAIRED)
    return Done(changed, verifier.source_s)


def _some_wait_or_none_is_left(context: JobContext) -> bool:
    """Whether chunks wait to be sent, or none is left; else the last one in flight will call."""
    with context.control() as control:
        waiting = due_checks(control, context.table, 1, _resend_s(context))
        return bool(waiting) or not unverified_chunks(control, context.table, 1)


def _verify_keys(context: JobContext) -> Done:
    """Without a pause for others: it might never come to the end of what they write."""
    with context.control() as control:
        attempt = begin_keys(control, context.table)
    try:
        with renewed(lambda: _renew_keys(context, attempt), _resend_s(context)):
            verdict = KeyVerifier(_sides(context)).verify_for(_KEYS_FOR_S)
    except Exception as error:
        _end_keys(context, attempt, 0 if isinstance(error, UnreachableError) else 1)
        raise
    _end_keys(context, attempt)
    log.info("verification of touched keys: %s", verdict.value)
    # If nothing is left, the next tick is soon enough: there is something new all the time.
    return Done(verdict in (SliceVerdict.EQUAL, SliceVerdict.DIFFERENT))


def _end_keys(context: JobContext, attempt: int, errors: int | None = None) -> None:
    with context.control() as control:
        end_keys(control, context.table, attempt, errors)


def _resend_s(context: JobContext) -> float:
    return context.pools.settings.checksum.resend_s


def _renew_keys(context: JobContext, attempt: int) -> None:
    with context.control() as control:
        renew_keys(control, context.table, attempt)


def _unsend_keys(control: Connection, table: MigrationTable, _: int) -> None:
    unsend_keys(control, table)


def _keys_failures(control: Connection, table: MigrationTable, _: int) -> int:
    return keys_failures(control, table)


def _limit(settings: Settings) -> int:
    return settings.checksum.attempts


VERIFY = JobKind(
    role=Role.CHECKSUM,
    stages=STAGES_THAT_VERIFY,
    perform=_verify,
    unsend=unsend_check,
    attempts=check_failures,
    limit=_limit,
    what="Verifying chunk {number} of {table}",
    longest_for_others_s=2.0,  # touched keys wait for a worker, too
    calls=_some_wait_or_none_is_left,
)

VERIFY_KEYS = JobKind(
    role=Role.CHECKSUM,
    stages=STAGES_THAT_VERIFY,
    perform=_verify_keys,
    unsend=_unsend_keys,
    attempts=_keys_failures,
    limit=_limit,
    what="Verifying the touched keys of {table}",
)
