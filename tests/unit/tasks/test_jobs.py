"""What Celery is told of a job that failed."""

from __future__ import annotations

import pickle

import pytest

from pipeline.work.job import JobResult
from tasks.checksum import verify_chunk, verify_keys
from tasks.copy import copy_chunk
from tasks.jobs import JobFailedError, shown


@pytest.mark.parametrize("result", JobResult)
def test_flower_shows_how_a_job_ended_and_a_failure_says_where_to_look(result: JobResult) -> None:
    if not result.failed:
        assert shown(result, "m1") == str(result)
        return
    with pytest.raises(JobFailedError, match=r"; see: tranship status m1$") as raised:
        shown(result, "m1")
    assert str(raised.value).startswith(str(result))


def test_a_failure_arrives_in_flower_as_it_was_raised() -> None:
    """It is pickled on its way from the worker's child; a message that is lost there is a repr."""
    error = JobFailedError("stopped the migration; see: tranship status m1")
    assert repr(pickle.loads(pickle.dumps(error))) == repr(error)


@pytest.mark.parametrize("task", [copy_chunk, verify_chunk, verify_keys])
def test_a_failure_that_is_recorded_is_no_traceback_in_the_log(task: object) -> None:
    assert JobFailedError in task.throws  # type: ignore[attr-defined]
