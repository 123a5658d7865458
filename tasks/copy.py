"""Queue `tranship.copy`: each task copies one chunk."""

from __future__ import annotations

from celery import shared_task

from pipeline.work.copy import COPY
from pipeline.work.job import Job
from tasks.jobs import JobFailedError, work_on
from tasks.messages import COPY_CHUNK


@shared_task(name=COPY_CHUNK, throws=(JobFailedError,))
def copy_chunk(target: str, migration_id: str, table_id: int, number: int) -> str:
    """Copy chunk `number`; an error leaves it to the coordinator, or stops the migration."""
    job = Job(target=target, migration_id=migration_id, table_id=table_id, number=number)
    return work_on(COPY, job)
