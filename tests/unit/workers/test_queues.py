"""The queues: an application's own, on the same Redis, are never ours."""

from __future__ import annotations

from tasks.messages import ROUTES
from tasks.queues import QUEUES


def test_a_queue_of_the_application_is_never_taken_for_ours() -> None:
    assert all(name.startswith("tranship.") for name in QUEUES)


def test_no_task_goes_to_a_queue_that_no_worker_knows() -> None:
    assert set(ROUTES.values()) == set(QUEUES)
