"""Queue `tranship.stream`: tells a streamer worker to serve a migration.

The stream itself is not a task: it runs in a thread of that worker as long as it has the lease.
"""

from __future__ import annotations

from functools import cache

from celery import shared_task

from pipeline.stream.supervisor import StreamHost
from tasks import context
from tasks.messages import SERVE_STREAM


@cache
def stream_host() -> StreamHost:
    """The streamers of this process; only a streamer worker asks for them."""
    return StreamHost(context.pools(), context.owner())


@shared_task(name=SERVE_STREAM)
def serve_stream(target: str, migration_id: str) -> None:
    """Start streaming, unless this process does already."""
    stream_host().serve(target, migration_id)
