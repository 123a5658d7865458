"""The streamer worker's application: `celery -A workers.streamer worker -Q … -P solo`.

The boot step belongs in this module and not on the shared application, where it would start a
streamer in every worker. It owns the threads: on SIGTERM they commit what is complete and give
their leases back before the worker ends.
"""

from __future__ import annotations

from typing import Any

from celery import bootsteps

from tasks import context
from workers.app import app


class StreamerStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Drains the worker's streamers when it stops."""

    def start(self, parent: Any) -> None:
        context.stream_host()

    def stop(self, parent: Any) -> None:
        context.stream_host().stop()


app.steps["worker"].add(StreamerStep)
