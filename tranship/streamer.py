"""The streamer worker's application: `celery -A tranship.streamer worker`."""

from __future__ import annotations

from tranship.loading import loading

with loading():
    from workers.streamer import app

__all__ = ["app"]
