"""Queue `tranship.checksum`: each task verifies one chunk, or touched keys, once."""

from __future__ import annotations

from celery import shared_task

from pipeline.work.job import Job
from pipeline.work.verify import VERIFY
from pipeline.work.verify import VERIFY_KEYS as KEYS
from tasks.jobs import JobFailedError, work_on
from tasks.messages import VERIFY_CHUNK, VERIFY_KEYS


@shared_task(name=VERIFY_CHUNK, throws=(JobFailedError,))
def verify_chunk(target: str, migration_id: str, table_id: int, number: int) -> str:
    """Verify chunk `number` once; the coordinator sends it again until it is verified in full."""
    job = Job(target=target, migration_id=migration_id, table_id=table_id, number=number)
    return work_on(VERIFY, job)


@shared_task(name=VERIFY_KEYS, throws=(JobFailedError,))
def verify_keys(target: str, migration_id: str, table_id: int) -> str:
    """Verify touched keys for a moment; the coordinator sends it again while there are any."""
    return work_on(KEYS, Job(target=target, migration_id=migration_id, table_id=table_id))
