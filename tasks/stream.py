"""Queue `tranship.stream`: tells a streamer worker to serve a migration. The stream is no task:
it runs in a thread of that worker for as long as the lease is its own."""

from __future__ import annotations

from celery import shared_task

from tasks import context
from tasks.messages import SERVE_STREAM


@shared_task(name=SERVE_STREAM)
def serve_stream(target: str, migration_id: str) -> None:
    """Start streaming, unless this process does already."""
    context.stream_host().serve(target, migration_id)
