"""Answers the roll call. Only workers import it: it takes much more of Celery than asking does."""

from __future__ import annotations

import time
from typing import Any

from celery.worker.control import inspect_command

from pipeline.configuration.digest import settings_digest
from tasks import context
from workers.roll_call import PRESENT


@inspect_command(name=PRESENT)
def present(state: Any, **_: Any) -> dict[str, Any]:
    """The queues that it takes messages from, the digest of its configuration, and its time."""
    return {
        "queues": [queue.name for queue in state.consumer.task_consumer.queues],
        "configuration": settings_digest(context.pools().settings),
        "time": time.time(),
    }
