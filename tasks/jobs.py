"""Does a job for its task, and has Celery show a failure as one.

SUCCESS means that nobody is needed: the work is done, or is sent again by itself (throttled, taken
over, temporary trouble); Flower shows which of these as the task's result. FAILURE means that
somebody should look into it: the migration has stopped, or a defect of ours has come up.
"""

from __future__ import annotations

from pipeline.work.job import Job, JobKind, JobResult
from pipeline.work.run import run_job
from tasks import context
from tasks.messages import send_advance


class JobFailedError(Exception):
    """What Flower shows of a failure: where to read about it, and nothing of any row.

    Celery sends an exception's text and traceback to whoever listens. So this one is raised when
    the error itself has been recorded and is gone, and holds only names and numbers.
    """


def work_on(kind: JobKind, job: Job) -> str:
    """Do a job; returns how it ended, for Flower.

    Raises:
        JobFailedError: somebody should look into it.
    """
    result = run_job(context.pools(), kind, job, context.owner(), send_advance)
    return shown(result, job.migration_id)


def shown(result: JobResult, migration_id: str) -> str:
    """
    Raises:
        JobFailedError: somebody should look into it.
    """
    if result.failed:
        raise JobFailedError(f"{result}; see: tranship status {migration_id}")
    return str(result)
