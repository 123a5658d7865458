"""Queue `tranship.checksum`: each task verifies one chunk once."""

from __future__ import annotations

from celery import shared_task

from pipeline.work.job import Job
from pipeline.work.verify import VERIFY
from tasks.jobs import JobFailedError, work_on
from tasks.messages import VERIFY_CHUNK


@shared_task(name=VERIFY_CHUNK, throws=(JobFailedError,))
def verify_chunk(target: str, migration_id: str, table_id: int, number: int) -> str:
    """Verify chunk `number` once; the coordinator sends it again as long as it is dirty."""
    job = Job(target=target, migration_id=migration_id, table_id=table_id, number=number)
    return work_on(VERIFY, job)
