"""Queue `tranship.stream`: tells a streamer worker to serve a migration.

The stream itself is not a task: it runs in a thread of that worker as long as it has the lease.
"""

from __future__ import annotations

from celery import shared_task

from tasks import context
from tasks.messages import SERVE_STREAM


@shared_task(name=SERVE_STREAM)
def serve_stream(target: str, migration_id: str) -> None:
    """Start streaming, unless this process does already."""
    context.stream_host().serve(target, migration_id)
