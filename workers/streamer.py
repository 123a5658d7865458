"""The streamer worker's application: `celery -A tranship.streamer worker`.

The boot step belongs in this module and not on the shared application, where it would start a
streamer in every worker. It owns the threads: on SIGTERM they commit what is complete and give
their leases back before the worker ends. Its pool is solo, so that the worker is their process.
"""

from __future__ import annotations

from typing import Any

from celery import bootsteps

from tasks.queues import STREAM
from tasks.stream import stream_host
from workers.app import app

__all__ = ["StreamerStep", "app"]


class StreamerStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Drains the worker's streamers when it stops."""

    def start(self, parent: Any) -> None:
        stream_host()

    def stop(self, parent: Any) -> None:
        stream_host().stop()


app.steps["worker"].add(StreamerStep)
app.conf.worker_pool = "solo"
app.amqp.queues.select([STREAM])
